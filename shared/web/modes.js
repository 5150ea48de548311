// Remembers 大字 and 高对比; the page works without it. Adds the print buttons, which need a script.
(function () {
  var names = ["large", "contrast"], store;
  try { store = window.localStorage; } catch (e) { store = null; }
  names.forEach(function (name) {
    var box = document.getElementById(name);
    if (!box) { return; }
    try { box.checked = !!store && store.getItem(name) === "1"; } catch (e) { /* not remembered */ }
    box.addEventListener("change", function () {
      try { if (store) { store.setItem(name, box.checked ? "1" : "0"); } } catch (e) { /* not remembered */ }
    });
  });
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-print]").forEach(function (button) {
      button.hidden = false;
      button.addEventListener("click", function () { window.print(); });
    });
  });
})();
