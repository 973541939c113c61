/** The `andon` command: reads arguments, calls one command file each, and tells errors as a sentence and a hint. */
import { Command } from 'commander';
import { DEFAULT_SERVER } from './admin-api.ts';
import { addAnalyzeCommand } from './commands/analyze.ts';
import { addBatchCommand } from './commands/batch.ts';
import { addDatasetCommands } from './commands/dataset.ts';
import { addDeadLetterCommands } from './commands/dead-letters.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addEnrolCommand, addPkiCommand } from './commands/devices.ts';
import { addFleetCommands } from './commands/fleet.ts';
import { addKeyCommands } from './commands/keys.ts';
import { addMetricsCommand } from './commands/metrics.ts';
import { addMlflowCommands } from './commands/mlflow.ts';
import { addModelCommands } from './commands/models.ts';
import { addPlanCommand } from './commands/plan.ts';
import { addPublishCommand } from './commands/publish.ts';
import { addRolloutCommands } from './commands/rollout.ts';
import { addRunCommands } from './commands/run.ts';
import { addStickCommands } from './commands/stick.ts';
import { addStoreCommands } from './commands/store.ts';
import { addAuditCommands, addTokenCommands } from './commands/tokens.ts';
import { explainError } from './errors.ts';
import { versionOf } from './project.ts';
import { plain } from './shared-options.ts';

const program = new Command('andon')
  .description('Runs ONNX models on factory devices, and moves them safely.')
  .version(versionOf())
  .option('--server <url>', 'address of the sync-server', process.env.ANDON_SERVER ?? DEFAULT_SERVER)
  .option('--json', 'print JSON for scripts')
  .showHelpAfterError('(andon --help shows what there is)');

program.commandsGroup('Run:');
addDemoCommand(program);
addRunCommands(program);
addBatchCommand(program);

program.commandsGroup('Release models:');
addPublishCommand(program);
addRolloutCommands(program);
addModelCommands(program);
addMetricsCommand(program);
addMlflowCommands(program);
addDatasetCommands(program);

program.commandsGroup('Say what may run:');
addKeyCommands(program);

program.commandsGroup('Look after the fleet:');
addFleetCommands(program);
addDeadLetterCommands(program);
addTokenCommands(program);
addAuditCommands(program);
addPkiCommand(program);

program.commandsGroup('On a device:');
addEnrolCommand(program);
addStickCommands(program);
addPlanCommand(program);
addAnalyzeCommand(program);
addStoreCommands(program);

try {
  await program.parseAsync();
} catch (error) {
  console.error(plain(explainError(error)));
  process.exitCode = 1;
}
