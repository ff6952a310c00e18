/* The console's small helps: "/" finds, chapters stay as they were left, live parts keep fresh, rows are picked.
   Every page works without this file. */
"use strict";
(function () {
  const box = document.getElementById("console-q"), KEPT = "mz-side-closed";

  document.addEventListener("keydown", function (event) {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && box) {
      event.preventDefault(); box.focus(); box.select();
    }
    if (event.key === "Escape" && event.target === box) box.blur();
  });

  function closed() { try { return new Set(JSON.parse(localStorage.getItem(KEPT) || "[]")); } catch { return new Set(); } }
  document.querySelectorAll(".mz-side-group").forEach(function (group) {
    if (closed().has(group.id) && !group.querySelector("[aria-current]")) group.open = false;
    group.addEventListener("toggle", function () {
      const now = closed();
      if (group.open) now.delete(group.id); else now.add(group.id);
      try { localStorage.setItem(KEPT, JSON.stringify(Array.from(now))); } catch { /* private window: not kept */ }
    });
  });
  /* A live part is fetched again every few seconds and put in place; while its reader is busy in it, it waits. */
  function keepFresh() {
    const part = document.getElementById("live-part");
    if (!part || !part.dataset.poll) return;
    const wait = Number(part.dataset.poll) * 1000 || 1000;
    setTimeout(function () {
      const selected = String(window.getSelection() || "");
      if (document.hidden || selected || part.contains(document.activeElement)) { keepFresh(); return; }
      fetch(location.href, { credentials: "same-origin" })
        .then(function (answer) { if (!answer.ok || answer.redirected) throw new Error(String(answer.status)); return answer.text(); })
        .then(function (html) {
          const made = new DOMParser().parseFromString(html, "text/html").getElementById("live-part");
          if (!made) return;
          const open = new Map(Array.from(part.querySelectorAll("section[id] details"), function (d) { return [d.closest("section").id, d.open]; }));
          made.querySelectorAll("section[id] details").forEach(function (d) { const id = d.closest("section").id; if (open.has(id)) d.open = open.get(id); });
          const same = made.innerHTML === part.dataset.was;
          if (!same) { part.replaceWith(made); made.dataset.was = made.innerHTML; document.dispatchEvent(new Event("console:fresh")); }
        })
        .catch(function () { /* looked at again */ })
        .then(keepFresh);
    }, wait);
  }
  keepFresh();

  /* Picking rows for a bulk action: all of the page, at most as many as one run takes. */
  document.querySelectorAll("[data-check-all]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      const boxes = Array.from(document.querySelectorAll("input[type=checkbox][form=" + button.form.id + "]"));
      const on = boxes.some(function (box) { return !box.checked; }), most = Number(button.form.dataset.max) || boxes.length;
      boxes.forEach(function (box, at) { box.checked = on && at < most; });
    });
  });
  /* A file is answered in place of a page: its button can be pressed again. */
  document.addEventListener("submit", function (event) {
    if (!event.target.matches("[data-again]")) return;
    setTimeout(function () { event.target.querySelectorAll("button").forEach(function (b) { b.disabled = false; }); }, 1500);
  });

  document.addEventListener("click", function (event) {
    document.querySelectorAll(".mz-cme[open]").forEach(function (card) { if (!card.contains(event.target)) card.open = false; });
  });
})();
