/* Makes a page live: counts down, copies, follows an order. Every page also works without this file. */
"use strict";
(function () {
  const words = JSON.parse(document.body.dataset.words || "{}");
  const SOON_MS = 1200, POLL_MS = 5000, QUIET_POLL_MS = 20000, LAST_POLL_MS = 60000;

  function say(template, n) { return template.replace("%(n)s", String(n)); }
  function lasts(seconds) {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return say(words.s, s);
    if (s < 3600) {
      const m = Math.floor(s / 60);
      return m < 10 && s % 60 ? say(words.ms, m) + " " + say(words.s, s % 60) : say(words.m, m);
    }
    if (s < 259200) {
      const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
      return say(words.h, h) + (m ? " " + say(words.ms, m) : "");
    }
    return say(words.d, Math.floor(s / 86400));
  }

  /* The server's clock, run on at its own speed: the reader's clock may be wrong, a demo's is faster. */
  let clock = null;
  function setClock(root) {
    clock = root ? { base: Date.parse(root.dataset.now), speed: Number(root.dataset.speed) || 1, at: performance.now() } : null;
  }
  function now() { return clock.base + (performance.now() - clock.at) * clock.speed; }
  let asked = "";
  function tick() {
    if (!clock) return;
    document.querySelectorAll("[data-until]").forEach(function (el) {
      const left = (Date.parse(el.dataset.until) - now()) / 1000;
      el.textContent = left > 0 ? words.left.replace("%(time)s", lasts(left)) : words.due;
      if (left <= 0 && asked !== el.dataset.until && live) { asked = el.dataset.until; soon(SOON_MS); }
    });
  }

  function showCopies(root) {
    if (!navigator.clipboard && !document.queryCommandSupported) return;
    root.querySelectorAll("[data-copy]").forEach(function (el) { el.hidden = false; });
  }
  function copyOld(text) {
    const box = document.createElement("textarea");
    box.value = text; document.body.append(box); box.select();
    const done = document.execCommand("copy"); box.remove();
    return done ? Promise.resolve() : Promise.reject(new Error("copy refused"));
  }
  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy, label = button.querySelector("span"), before = label.textContent;
    const copied = navigator.clipboard ? navigator.clipboard.writeText(text).catch(function () { return copyOld(text); }) : copyOld(text);
    copied.then(function () { label.textContent = words.copied; }, function () { label.textContent = words.failed; })
      .then(function () { setTimeout(function () { label.textContent = before; }, 1600); });
  });
  /* One press, one request. */
  document.addEventListener("submit", function (event) {
    const button = event.target.querySelector("button[type=submit]");
    if (button) setTimeout(function () { button.disabled = true; }, 0);
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("button[type=submit]:disabled").forEach(function (b) { b.disabled = false; });
  });

  let live = document.getElementById("live"), source = null, timer = 0, busy = false, again = false, failures = 0;
  function offline(is) {
    const line = document.getElementById("offline");
    if (line) { line.textContent = is ? words.offline : ""; line.hidden = !is; }
  }
  function soon(ms) { clearTimeout(timer); timer = setTimeout(refresh, ms); }
  function rhythm() {
    if (!live || live.dataset.final === "yes") return LAST_POLL_MS;
    return source && source.readyState === 1 ? QUIET_POLL_MS : Math.min(LAST_POLL_MS, POLL_MS * (1 + failures));
  }
  /* Fetch the live part and put it in place; what the reader had open stays open. */
  function refresh() {
    if (!live) return;
    if (busy) { again = true; return; }
    busy = true;
    fetch(live.dataset.fragment, { credentials: "same-origin", headers: { "HX-Request": "true" } })
      .then(function (answer) {
        if (answer.status === 401 || answer.status === 403 || answer.redirected) { location.reload(); throw new Error("locked"); }
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (html) { failures = 0; offline(false); put(html); })
      .catch(function () { failures += 1; if (failures > 1) offline(true); })
      .then(function () { busy = false; if (again) { again = false; soon(50); } else { soon(rhythm()); } });
  }
  function put(html) {
    const made = new DOMParser().parseFromString(html, "text/html").getElementById("live");
    if (!made || Number(made.dataset.seq) < Number(live.dataset.seq)) return;
    const changed = made.dataset.seq !== live.dataset.seq || made.dataset.final !== live.dataset.final;
    const open = new Set(Array.from(live.querySelectorAll("details[open]"), function (d) { return d.id; }));
    const focus = live.contains(document.activeElement) ? document.activeElement : null;
    /* A reader in the middle of a control isn't disturbed unless something happened. */
    if (focus && !changed) { setClock(made); return; }
    const before = new Map(Array.from(live.querySelectorAll(".mz-step, .mz-node"), function (el) { return [el.textContent, el.className]; }));
    const said = live.querySelector("#sentence").textContent.trim();
    live.replaceWith(made); live = made; setClock(made);
    if (window.htmx) window.htmx.process(made);
    made.querySelectorAll("details").forEach(function (d) { if (open.has(d.id)) d.open = true; });
    if (changed) {
      made.querySelectorAll(".mz-step, .mz-node").forEach(function (el) {
        if (before.get(el.textContent) !== el.className) el.classList.add("mz-fresh");
      });
      const sentence = made.querySelector("#sentence").textContent.replace(/\s+/g, " ").trim();
      if (sentence !== said.replace(/\s+/g, " ")) document.getElementById("announce").textContent = sentence;
      document.title = made.querySelector(".mz-badge-text").textContent.trim() + " · " + document.title.split(" · ").slice(1).join(" · ");
    }
    if (focus) {
      const same = focus.id ? made.querySelector("#" + CSS.escape(focus.id)) : null;
      if (same) same.focus();
    }
    showCopies(made); tick();
    if (made.dataset.final === "yes" && source) { source.close(); source = null; }
  }
  /* Buttons of an order post through htmx: the answer is the order page, of which the live part is taken. */
  document.body.addEventListener("htmx:beforeSwap", function (event) {
    if (event.detail.xhr.status < 400 && !event.detail.xhr.responseText.includes('id="live"')) {
      event.detail.shouldSwap = false; location.reload();
    }
  });
  document.body.addEventListener("htmx:afterSettle", function () {
    const made = document.getElementById("live");
    if (!made || made === live) return;
    live = made; setClock(made); showCopies(made); tick(); soon(SOON_MS);
  });
  ["htmx:responseError", "htmx:sendError"].forEach(function (name) {
    document.body.addEventListener(name, function (event) {
      const line = document.getElementById("offline");
      line.textContent = words.failed; line.hidden = false; line.scrollIntoView({ block: "center" });
      event.target.querySelectorAll("button").forEach(function (b) { b.disabled = false; });
      soon(POLL_MS);
    });
  });
  function listen() {
    if (!window.EventSource || !live || live.dataset.final === "yes") return;
    source = new EventSource(live.dataset.live);
    const heard = function () { soon(30); };
    source.onmessage = heard;
    source.addEventListener("order", heard);
    source.onopen = function () { failures = 0; soon(30); };
    source.onerror = function () {
      soon(POLL_MS);
      if (source && source.readyState === 2) { source = null; setTimeout(listen, POLL_MS * 2); }
    };
  }
  document.addEventListener("visibilitychange", function () { if (!document.hidden && live) soon(0); });

  /* The link's token sits behind "#", so no server log ever sees it; here it becomes a cookie. */
  function unlock() {
    const token = new URLSearchParams(location.hash.slice(1)).get("t");
    if (!token) return;
    const locked = document.getElementById("locked");
    history.replaceState(null, "", location.pathname + location.search);
    if (!locked) return;
    fetch(locked.dataset.session, { method: "POST", credentials: "same-origin", body: new URLSearchParams({ token: token }) })
      .then(function (answer) { if (answer.ok) location.reload(); });
  }

  if (window.self !== window.top) document.body.classList.add("mz-framed");
  unlock();
  window.addEventListener("hashchange", unlock);
  showCopies(document);
  setClock(live);
  if (live) { tick(); listen(); soon(rhythm()); }
  setInterval(tick, 1000);
})();
