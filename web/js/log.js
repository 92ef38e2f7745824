// Follows the log of a running build: asks for what comes after the last byte
// it has, every second, until the build is over. Text only, never HTML.
const view = document.querySelector("[data-log]");
if (view) {
  const url = view.dataset.log;
  let offset = Number(view.dataset.offset);
  const follow = async () => {
    let ended = false;
    try {
      const answer = await fetch(`${url}?offset=${offset}`, { headers: { Accept: "text/plain" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 40;
      if (text) view.append(document.createTextNode(text));
      if (text && atEnd) view.scrollTop = view.scrollHeight;
      offset = Number(answer.headers.get("x-log-next"));
      ended = answer.headers.get("x-log-ended") === "true" && !text;
    } catch {
      // The server restarts or the network is away: the next try tells.
    }
    if (ended) location.reload();
    else setTimeout(follow, 1000);
  };
  view.scrollTop = view.scrollHeight;
  if (view.dataset.live === "true") follow();
}
