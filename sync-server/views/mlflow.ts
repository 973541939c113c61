/** How the server gets on with MLflow, as part of the fleet. */

export interface MlflowView {
  trackingUri: string;
  /** Whether it has answered since this server started. */
  asked: boolean;
  /** Why MLflow could not be asked the last time. */
  problem: string | null;
  /** Reports that it has yet to get. */
  waiting: number;
  aliases: MlflowAliasView[];
}

export interface MlflowAliasView {
  /** Our name of the model. */
  model: string;
  /** Registered model and alias in MLflow. */
  name: string;
  alias: string;
  /** What the alias points to; null where it points nowhere. */
  version: number | null;
  /** What became of it here, to be read after the version. */
  words: string;
  /** What a person has to run for it, if anything. */
  commands: string[];
}
