// A button with data-copy="id" puts the text of that element on the clipboard. It is hidden until
// this script runs where a clipboard is to be had; the text itself can always be selected.
const FOR_MS = 2000;
const announce = document.getElementById("announce");

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("[data-label]");
  if (!source || !label) return;
  const was = (label.dataset.was ??= label.textContent);
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = "Copied";
    announce.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Selected: press Ctrl C";
    announce.textContent = "The text is selected";
  }
  setTimeout(() => { label.textContent = was; announce.textContent = ""; }, FOR_MS);
}

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});
