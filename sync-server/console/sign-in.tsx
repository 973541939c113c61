/** Asks for a token where the server wants one; the browser then keeps a session in a cookie that no script sees. */
import { useState } from 'preact/hooks';
import { postJson } from '../../web/post-json.ts';

/** Whether there is something to sign out of: the cookie itself cannot be asked. */
const SIGNED_IN = 'andon-signed-in';

export function SignIn() {
  const [words, setWords] = useState('');
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget as HTMLFormElement).get('token');
    setWords('Asking …');
    const result = await postJson('api/session', { token: String(token).trim() });
    if (!result.ok) return setWords(result.words);
    sessionStorage.setItem(SIGNED_IN, 'yes');
    location.reload();
  };
  return (
    <main>
      <form class="sign-in section" onSubmit={send}>
        <h1>Andon fleet</h1>
        <label>
          Your token
          <input name="token" type="password" autocomplete="current-password" required />
        </label>
        <button class="button primary" type="submit">
          Sign in
        </button>
        <p role="status">{words}</p>
        <p class="soft">
          Whoever keeps the server makes one with <code>andon tokens add</code>.
        </p>
      </form>
    </main>
  );
}

/** Nothing where nobody signed in, as on an open server. */
export function SignOut() {
  if (sessionStorage.getItem(SIGNED_IN) === null) return null;
  const signOut = async () => {
    await fetch('api/session', { method: 'DELETE' });
    sessionStorage.removeItem(SIGNED_IN);
    location.reload();
  };
  return (
    <button class="button" type="button" onClick={() => void signOut()}>
      Sign out
    </button>
  );
}
