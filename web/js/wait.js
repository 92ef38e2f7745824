// A page that waits for something to happen on the server: asks the address in
// `data-wait` until it says "yes", then shows the page as it is now.
const waiting = document.querySelector("[data-wait]");
if (waiting) {
  const ask = async () => {
    try {
      const answer = await fetch(waiting.dataset.wait, { headers: { Accept: "text/plain" } });
      if (answer.ok && (await answer.text()).trim() === "yes") {
        location.reload();
        return;
      }
    } catch {
      // The server restarts or the network is away: the next try tells.
    }
    setTimeout(ask, 3000);
  };
  setTimeout(ask, 3000);
}
