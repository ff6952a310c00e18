/* The six scenarios of /demo and the proof below them. */
"use strict";
(function () {
  const words = JSON.parse(document.body.dataset.words);
  const frame = document.getElementById("frame"), decide = document.getElementById("decide");
  const proof = document.getElementById("proof"), error = document.getElementById("demo-error");
  let order = "";

  function ask(path, method, body) {
    const options = { method: method, credentials: "same-origin", headers: { "Accept": "application/json" } };
    if (body) { options.headers["Content-Type"] = "application/json"; options.body = JSON.stringify(body); }
    return fetch(path, options).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }).then(function (data) { error.hidden = true; return data; }, function () {
      error.textContent = words.failed; error.hidden = false; return null;
    });
  }
  function show(url) {
    document.getElementById("phone-wait").hidden = true;
    frame.src = url;
  }
  function run(scenario, scroll) {
    document.querySelectorAll("[data-scenario]").forEach(function (item) {
      item.classList.toggle("mz-scenario-on", item.dataset.scenario === scenario);
    });
    document.querySelectorAll("[data-run]").forEach(function (b) { b.disabled = true; });
    decide.hidden = true;
    ask("/demo/run/" + scenario, "POST").then(function (made) {
      document.querySelectorAll("[data-run]").forEach(function (b) { b.disabled = false; });
      if (!made) return;
      order = made.order_id;
      show(made.url);
      decide.hidden = scenario !== "silent";
      if (scroll && window.innerWidth < 900) document.getElementById("phone").scrollIntoView({ behavior: "smooth" });
      setTimeout(summary, 3000);
    });
  }
  function yuan(fen) {
    const all = Math.abs(fen);
    return (fen < 0 ? "−" : "") + "¥" + Math.floor(all / 100).toLocaleString("en-US") + "." + String(all % 100).padStart(2, "0");
  }
  function clock(iso) {
    if (!iso) return "";
    return new Date(iso).toLocaleTimeString("en-GB", { timeZone: "Asia/Shanghai", hour12: false });
  }
  function put(data) {
    if (!data) return;
    document.getElementById("proof-orders").textContent = data.orders;
    document.getElementById("proof-missing").textContent = yuan(data.missing_fen);
    document.getElementById("proof-word").textContent = !data.checked_at ? proof.dataset.busy : data.ok ? proof.dataset.ok : proof.dataset.bad;
    document.getElementById("proof-at").textContent = clock(data.checked_at);
    const state = document.getElementById("proof-state");
    state.classList.toggle("mz-proof-ok", Boolean(data.checked_at && data.ok));
    state.classList.toggle("mz-proof-bad", Boolean(data.checked_at && !data.ok));
    const list = document.getElementById("proof-findings");
    list.replaceChildren();
    (data.findings || []).slice(0, 20).forEach(function (text) {
      const line = document.createElement("li"); line.textContent = typeof text === "string" ? text : JSON.stringify(text); list.append(line);
    });
  }
  function summary() { ask("/demo/summary", "GET").then(put); }

  document.addEventListener("click", function (event) {
    const start = event.target.closest("[data-run]"), choice = event.target.closest("[data-decide]");
    if (start) run(start.dataset.run, true);
    if (choice && order) ask("/demo/decide/" + encodeURIComponent(order), "POST", { outcome: choice.dataset.decide });
  });
  document.getElementById("audit").addEventListener("click", function () {
    const button = this;
    button.disabled = true;
    document.getElementById("proof-word").textContent = proof.dataset.busy;
    ask("/demo/audit", "POST").then(function (data) { put(data); button.disabled = false; });
  });
  run("normal", false);
  summary();
  setInterval(function () { if (!document.hidden) summary(); }, 10000);
})();
