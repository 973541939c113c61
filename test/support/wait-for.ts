/** Waits for a condition with a deadline, in place of sleeping; looks every 5 ms. */
export async function waitFor(what: string, condition: () => boolean, deadlineMs = 10_000): Promise<void> {
  const untilMs = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > untilMs) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
