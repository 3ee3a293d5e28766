// A form is sent once: its buttons rest until the answer, and say so.
const resting = new Map(); // a button and what stood in it

function rest(form, pressed) {
  for (const button of form.querySelectorAll("button")) {
    resting.set(button, [...button.childNodes]);
    button.setAttribute("aria-disabled", "true");
  }
  if (pressed.dataset.busy) pressed.textContent = pressed.dataset.busy;
}

function wake() {
  for (const [button, stood] of resting) {
    button.removeAttribute("aria-disabled");
    button.replaceChildren(...stood);
  }
  resting.clear();
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.target.method === "dialog") return;
  setTimeout(() => {
    if (event.defaultPrevented && !event.target.matches("[hx-post], [hx-get]")) return;
    rest(event.target, button);
  });
});
document.addEventListener("click", (event) => {
  if (event.target.closest?.('button[aria-disabled="true"]')) event.preventDefault();
});

// No answer, or one that is not shown: the form stands as it was, and can be sent again. So does a
// page that the browser kept and shows again when somebody goes back to it.
document.addEventListener("htmx:finally:request", (event) => {
  if (event.detail?.ctx?.sourceElement?.matches?.("form")) wake();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) wake();
});
