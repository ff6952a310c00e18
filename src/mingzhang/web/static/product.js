/* The total follows the quantity while it is typed. The server counts again. */
"use strict";
document.addEventListener("alpine:init", function () {
  window.Alpine.data("order", function () {
    return {
      price: 0, quantity: 1, tiers: [],
      init() {
        this.price = Number(this.$root.dataset.price);
        this.tiers = JSON.parse(this.$root.dataset.tiers || "[]");
        const field = this.$root.querySelector("[name=quantity]");
        if (!field) return;
        this.read(field);
        field.addEventListener("input", () => this.read(field));
      },
      read(field) { this.quantity = /^[1-9][0-9]{0,3}$/.test(field.value.trim()) ? Number(field.value) : 1; },
      get total() {
        const reached = this.tiers.filter((tier) => tier[0] <= this.quantity);
        const fen = (reached.length ? reached[reached.length - 1][1] : this.price) * this.quantity;
        return "¥" + Math.floor(fen / 100).toLocaleString("en-US") + "." + String(fen % 100).padStart(2, "0");
      },
    };
  });
});
