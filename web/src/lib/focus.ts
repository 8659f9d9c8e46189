/** Where one goes on from when what had the focus is gone. */
export function focusView() {
  document.getElementById('main')?.focus({ preventScroll: true })
}
