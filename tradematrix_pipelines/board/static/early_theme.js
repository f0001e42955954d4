// The chosen theme, before anything is drawn: a module would be too late, and the page would flash.
(function () {
  var root = document.documentElement;
  try {
    var theme = localStorage.getItem("board.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch (error) {
    delete root.dataset.theme; // storage is refused: the system's theme
  }
})();
