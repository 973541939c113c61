/** A line of the last values, oldest left, from zero to its own highest value. @param unknown so many of the oldest are not drawn */
export function Sparkline(props: { values: readonly number[]; unknown?: number; words: string }) {
  const { values, unknown = 0, words } = props;
  const top = Math.max(1e-9, ...values);
  const step = 100 / Math.max(1, values.length - 1);
  const points = values.map((value, i) => `${(i * step).toFixed(2)},${(29 - (value / top) * 27).toFixed(2)}`);
  if (points.length < 2) points.splice(0, 1, '0,29', '100,29');
  const drawn = points.slice(Math.max(0, Math.min(unknown, points.length - 2)));
  const [left] = drawn[0]?.split(',') ?? [0];
  return (
    <svg
      class="chart sparkline"
      viewBox="0 0 100 30"
      height="48"
      preserveAspectRatio="none"
      role="img"
      aria-label={words}
    >
      <path class="spark-area" d={`M${left},30 L${drawn.join(' L')} L100,30 Z`} />
      <path class="spark-line" d={`M${drawn.join(' L')}`} />
    </svg>
  );
}
