// Runs before the page is painted: the theme that was chosen, or else the system's.
(() => {
  const chosen = localStorage.getItem("reprise-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
