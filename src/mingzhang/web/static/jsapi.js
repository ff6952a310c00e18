/* WeChat's own browser: hand the signed parameters to its payment sheet, then go back to the order's page.
   What the sheet says is no proof of anything: the order's page asks the channel. */
"use strict";
(function () {
  const box = document.getElementById("jsapi");
  if (!box) return;
  const invoke = JSON.parse(box.dataset.invoke);
  let called = false;
  function pay() {
    if (called) return;
    called = true;
    window.WeixinJSBridge.invoke("getBrandWCPayRequest", invoke, function () { location.replace(box.dataset.back); });
  }
  if (window.WeixinJSBridge) pay();
  else document.addEventListener("WeixinJSBridgeReady", pay, { once: true });
  box.querySelector("button").addEventListener("click", function () {
    called = false;
    if (window.WeixinJSBridge) pay();
  });
})();
