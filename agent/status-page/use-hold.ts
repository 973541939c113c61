/** Holds a part of the page still while a person is busy with it, and lets go when nobody has been for a while. */
import { useRef, useState } from 'preact/hooks';

/** A wall display that was tapped once must not stand still for the rest of the shift. */
const HOLD_MS = 20_000;

/** `holders` go on the element; `held` is judged anew with each rendering. */
export function useHold() {
  const element = useRef<HTMLElement>(null);
  const [untilMs, setUntilMs] = useState(0);
  const stir = () => setUntilMs(Date.now() + HOLD_MS);
  const leave = () => setUntilMs(0);
  // Whoever came by keyboard stays until they leave: a focus that vanishes would throw them to the top of the page.
  const byKeyboard = element.current?.querySelector(':focus-visible') ?? null;
  return {
    held: Date.now() < untilMs || byKeyboard !== null,
    holders: {
      ref: element,
      onPointerMove: stir,
      onPointerDown: stir,
      onPointerLeave: (event: PointerEvent) => event.pointerType === 'mouse' && leave(),
      onKeyDownCapture: stir,
      onFocusIn: stir,
    },
  };
}
