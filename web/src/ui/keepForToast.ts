/** Answering a toast is not leaving the dialog below it. */
export function keepForToast(event: { detail: { originalEvent: Event }; preventDefault(): void }) {
  if ((event.detail.originalEvent.target as Element | null)?.closest('.toaster')) event.preventDefault()
}
