/* The public record checked by the reader's own browser: the signature of the newest state, its root made anew from the
   published tiles, and the state that this browser saw last, made anew from the same tiles (C2SP tlog-tiles, RFC 6962). */
"use strict";
(function () {
  const button = document.querySelector("[data-log-check]"), list = document.querySelector("[data-log-result]");
  if (!button || !list) return;
  const KEPT = "mz-log-seen", WIDTH = 256, HASH = 32;

  function bytes(base64) { return Uint8Array.from(atob(base64), function (c) { return c.charCodeAt(0); }); }
  function same(a, b) { return a.length === b.length && a.every(function (value, at) { return value === b[at]; }); }
  function say(part, good, text) {
    const line = list.querySelector("[data-log-part=" + part + "]");
    line.classList.toggle("mz-setup-ok", good === true);
    line.classList.toggle("mz-setup-no", good === false);
    line.querySelector("b").textContent = text || (good ? button.dataset.saidGood : button.dataset.saidBad);
  }

  async function fetched(path, kind) {
    const answer = await fetch(path, { cache: "no-store" });
    if (!answer.ok) throw new Error(path);
    return kind === "text" ? answer.text() : new Uint8Array(await answer.arrayBuffer());
  }

  /* name+hash+key; text; signatures below the blank line. */
  function keyOf(text) {
    const [name, hash, ...rest] = text.trim().split("+"), encoded = rest.join("+"); // base64 has plus signs of its own
    return { name: name, hash: hash, key: bytes(encoded).slice(1) };
  }
  function noteOf(whole) {
    const at = whole.lastIndexOf("\n\n"), text = whole.slice(0, at + 1), lines = text.split("\n");
    const signatures = whole.slice(at + 2).trim().split("\n").map(function (line) {
      const [, name, value] = line.split(" ");
      return { name: name, value: bytes(value) };
    });
    return { text: text, size: Number(lines[1]), root: bytes(lines[2]), signatures: signatures };
  }

  async function signed(note, key) {
    const ours = note.signatures.find(function (one) { return one.name === key.name; });
    if (!ours) return false;
    let imported;
    try {
      imported = await crypto.subtle.importKey("raw", key.key, { name: "Ed25519" }, false, ["verify"]);
    } catch { return null; }
    return crypto.subtle.verify({ name: "Ed25519" }, imported, ours.value.slice(4), new TextEncoder().encode(note.text));
  }

  async function joined(left, right) {
    const both = new Uint8Array(1 + 2 * HASH);
    both[0] = 1; both.set(left, 1); both.set(right, 1 + HASH);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", both));
  }
  async function subtree(hashes) {
    if (hashes.length === 1) return hashes[0];
    const half = hashes.length / 2;
    return joined(await subtree(hashes.slice(0, half)), await subtree(hashes.slice(half)));
  }

  function address(level, index, width) {
    let path = String(index % 1000).padStart(3, "0");
    for (let rest = Math.floor(index / 1000); rest; rest = Math.floor(rest / 1000)) {
      path = "x" + String(rest % 1000).padStart(3, "0") + "/" + path;
    }
    return "/log/tile/" + level + "/" + path + (width === WIDTH ? "" : ".p/" + width);
  }

  /* The root over the first `size` entries, out of tiles that the log of `now` entries publishes. */
  async function rootOf(size, now) {
    const peaks = [];
    for (let level = 0, count = size, have = now; count; level += 1, count = Math.floor(count / WIDTH), have = Math.floor(have / WIDTH)) {
      const wanted = count % WIDTH, index = Math.floor(count / WIDTH);
      if (!wanted) continue;
      const width = index < Math.floor(have / WIDTH) ? WIDTH : have % WIDTH;
      const tile = await fetched(address(level, index, width)), row = [];
      let at = 0;
      for (let part = WIDTH / 2; part >= 1; part /= 2) {
        if (!(wanted & part)) continue;
        const hashes = [];
        for (let n = at; n < at + part; n += 1) hashes.push(tile.slice(n * HASH, (n + 1) * HASH));
        row.push(await subtree(hashes));
        at += part;
      }
      peaks.unshift(...row);
    }
    let root = peaks.pop();
    while (peaks.length) root = await joined(peaks.pop(), root);
    return root;
  }

  function seen() { try { return JSON.parse(localStorage.getItem(KEPT) || "null"); } catch { return null; } }
  function keep(state) { try { localStorage.setItem(KEPT, JSON.stringify(state)); } catch { /* private window: not kept */ } }

  async function check() {
    const text = await fetched("/log/key", "text"), key = keyOf(text);
    const note = noteOf(await fetched("/log/checkpoint", "text")), before = seen();
    const good = await signed(note, key), root = same(await rootOf(note.size, note.size), note.root);
    say("signature", good, good === null ? button.dataset.saidUnchecked : "");
    say("root", root);
    let grown = null;
    if (before) {
      grown = before.key === text && before.size <= note.size
        && same(await rootOf(before.size, note.size), bytes(before.root));
      list.querySelector("[data-log-part=before] code").textContent = before.size + " → " + note.size;
      say("before", grown);
    } else say("before", null, button.dataset.saidFirst);
    if (good !== false && root && grown !== false) {
      keep({ key: text, size: note.size, root: btoa(String.fromCharCode(...note.root)) });
    }
  }

  button.addEventListener("click", async function () {
    button.disabled = true;
    const failed = list.querySelector("[data-log-part=failed]");
    try { failed.hidden = true; await check(); } catch { failed.hidden = false; }
    list.hidden = false;
    button.disabled = false;
  });
})();
