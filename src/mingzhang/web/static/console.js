/* The console's small helps: "/" finds, chapters stay as they were left. Every page works without this file. */
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
  document.addEventListener("click", function (event) {
    document.querySelectorAll(".mz-cme[open]").forEach(function (card) { if (!card.contains(event.target)) card.open = false; });
  });
})();
