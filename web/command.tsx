/** A command to copy; one of `andon` as it runs in the project's folder with nothing installed. */
import { useRef, useState } from 'preact/hooks';

export function Command({ text: command }: { text: string }) {
  const text = command.replace(/^andon /, 'npm run andon -- ');
  const code = useRef<HTMLElement>(null);
  const [words, setWords] = useState('Copy');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setWords('Copied');
    } catch {
      // No clipboard on plain http: select it, so that the keyboard can.
      if (code.current) getSelection()?.selectAllChildren(code.current);
      setWords('Selected: press Ctrl+C');
    }
  };
  return (
    <div class="command">
      <code ref={code}>{text}</code>
      <button class="button quiet" type="button" onClick={() => void copy()}>
        <span aria-live="polite">{words}</span>
      </button>
    </div>
  );
}
