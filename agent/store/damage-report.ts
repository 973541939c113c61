/** Hears of damage to the database wherever it shows: SQLite finds it only when it comes to read a page. */
import { isCorrupt } from './store-error.ts';

/** The same surface; an error that says the file is damaged is reported on its way to the caller. */
export function reporting<T extends object>(target: T, report: () => void): T {
  const wrapped = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name, of);
      if (typeof value !== 'function') return value;
      const known = wrapped.get(name) ?? reportingCall(value.bind(of), report);
      wrapped.set(name, known);
      return known;
    },
  });
}

function reportingCall(call: (...args: unknown[]) => unknown, report: () => void) {
  return (...args: unknown[]): unknown => {
    try {
      return call(...args);
    } catch (cause) {
      if (isCorrupt(cause)) report();
      throw cause;
    }
  };
}
