// Sets the theme before the first paint. A classic script on purpose: modules run after it.
// Owns: data-theme at start. Never: settings; views/appearance.js keeps the attribute up to date.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem('charge.theme');
  } catch (_) {
    // Storage may be forbidden; the system's theme is used then.
  }
  var dark = matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme =
    stored === 'light' || stored === 'dark' ? stored : dark ? 'dark' : 'light';
})();
