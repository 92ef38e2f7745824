// Keeps the page of a running build fresh: its phase while it runs, everything
// once it is over.
const place = document.querySelector("[data-follow]");
const url = place?.dataset.follow ?? `${location.pathname.replace(/\/$/, "")}/log/follow`;
let before;
const source = new EventSource(url);
source.addEventListener("size", (event) => {
  const { status, phase } = JSON.parse(event.data);
  if (before && before !== status) location.reload();
  before = status;
  const shown = place?.querySelector("[data-phase]");
  if (shown) shown.textContent = phase;
});
source.addEventListener("end", () => {
  source.close();
  location.reload();
});
