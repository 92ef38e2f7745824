// Buttons that copy the text of another element: `data-copy` is its id.
for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const text = (source.value ?? source.textContent).trim();
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A plain http page has no clipboard: select the text, and the old way.
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}
