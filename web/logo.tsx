/** The mark: a small signal tower. */
export function Logo() {
  return (
    <svg class="logo" viewBox="4 0 24 32" aria-hidden="true">
      <rect x="9" y="1" width="14" height="27" rx="4" fill="var(--ink)" />
      <circle cx="16" cy="7" r="3.4" fill="#d8453c" />
      <circle cx="16" cy="14.5" r="3.4" fill="#f5b53d" />
      <circle cx="16" cy="22" r="3.4" fill="#3fae74" />
      <rect x="5" y="28.5" width="22" height="3" rx="1.5" fill="var(--ink)" />
    </svg>
  );
}
