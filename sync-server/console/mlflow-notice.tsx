/** What MLflow asks for: where its aliases point, and the commands that bring a version here which is not. */

import { Command } from '../../web/command.tsx';
import { formatCounted } from '../../web/format.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { MlflowAliasView, MlflowView } from '../views/mlflow.ts';

export function MlflowNotice({ mlflow }: { mlflow: MlflowView }) {
  return (
    <div class="notice">
      <h3>MLflow</h3>
      <p class="small soft">
        {mlflow.trackingUri}
        {mlflow.waiting > 0 ? ` · ${formatCounted(mlflow.waiting, 'report')} to be sent` : ''}
      </p>
      {mlflow.problem ? <StateBadge state="warning">{mlflow.problem}</StateBadge> : null}
      {mlflow.aliases.map((alias) => (
        <Alias key={alias.model} alias={alias} />
      ))}
    </div>
  );
}

function Alias({ alias: { name, alias, version, words, commands } }: { alias: MlflowAliasView }) {
  return (
    <>
      <p>
        <strong>
          {name}@{alias}
        </strong>{' '}
        {version === null ? words : `is version ${version}, which ${words}.`}
      </p>
      {commands.map((command) => (
        <Command key={command} text={command} />
      ))}
    </>
  );
}
