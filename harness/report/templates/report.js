// Shows one case of a system at a time. Without this script every case is visible, one below the other.
for (const group of document.querySelectorAll("[data-cases]")) {
  const cases = [...group.querySelectorAll("[data-case]")];
  const buttons = [...group.querySelectorAll("[data-show]")];
  const show = (chosen) => {
    cases.forEach((one) => one.classList.toggle("other", one.id !== chosen));
    buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.show === chosen)));
  };
  group.classList.add("switching");
  buttons.forEach((one) => one.addEventListener("click", () => show(one.dataset.show)));
  if (cases.length) show(cases[0].id);
}
