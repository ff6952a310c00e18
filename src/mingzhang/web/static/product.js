/* The total follows the quantity while it is typed. The server counts again. */
"use strict";
(function () {
  const form = document.getElementById("order-form"), total = document.getElementById("total");
  const field = form && form.querySelector("[name=quantity]");
  if (!field || !total) return;
  const price = Number(form.dataset.price), tiers = JSON.parse(form.dataset.tiers || "[]");
  function yuan(fen) {
    return "¥" + Math.floor(fen / 100).toLocaleString("en-US") + "." + String(fen % 100).padStart(2, "0");
  }
  function show() {
    const many = /^[1-9][0-9]{0,3}$/.test(field.value.trim()) ? Number(field.value) : 1;
    const reached = tiers.filter(function (tier) { return tier[0] <= many; });
    total.textContent = yuan((reached.length ? reached[reached.length - 1][1] : price) * many);
  }
  field.addEventListener("input", show);
  show();
})();
