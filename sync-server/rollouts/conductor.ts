/**
 * Conducts the rollouts: every `everyMs` it looks at the evidence of each one under way, moves it on, holds it or takes
 * it back. A rollout's row is written before the desired states that follow from it, and those are set again until they
 * stand, so a server that dies anywhere goes on where it was.
 */
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { RolloutState, RolloutView, StartRolloutRequest } from '../views/rollout.ts';
import { championHash, championOf } from './champion.ts';
import { devicesToAdd, matchingDevices } from './cohort.ts';
import { extendedCurve } from './curve.ts';
import { decide } from './decision.ts';
import type { EvidenceSource } from './evidence-source.ts';
import type { FleetControl, FleetDevice } from './fleet-control.ts';
import { gatesOf } from './gates.ts';
import { installProgress } from './install-progress.ts';
import { LookPace } from './look-pace.ts';
import { newRollout, type PlanDefaults } from './new-rollout.ts';
import { nextMove } from './next-move.ts';
import { isJudged, isOpen, type Rollout } from './rollout.ts';
import type { RolloutTable } from './rollout-table.ts';
import { rolloutView } from './rollout-view.ts';
import { shownEvidence, stageEvidence } from './stage-evidence.ts';
import { wantedSlot } from './wanted-slot.ts';

export interface ConductorDeps {
  readonly evidence: EvidenceSource;
  readonly fleet: FleetControl;
  readonly rollouts: RolloutTable;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
  readonly config: PlanDefaults & { readonly everyMs: number };
}

/** Newest rollouts that views show, beside those under way. */
const SHOWN = 50;
const DECISIONS_SHOWN = 20;

export class RolloutConductor {
  readonly #deps: ConductorDeps;
  readonly #pace: LookPace;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ConductorDeps) {
    this.#deps = deps;
    this.#pace = new LookPace(deps.config.everyMs);
  }

  start(): void {
    this.#tick();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * @throws CodedError REQUEST_INVALID, MODEL_UNKNOWN, ROLLOUT_NO_DEVICES, ROLLOUT_CONFLICT
   */
  startRollout(request: StartRolloutRequest): RolloutView {
    const other = this.#deps.rollouts.all().find((r) => isOpen(r) && r.slot === request.slot);
    if (other) {
      throw serverError(
        'ROLLOUT_CONFLICT',
        `rollout ${other.id} of ${other.toTitle} is under way in "${other.slot}"`,
        {
          hint: `Wait for it, or end it: andon rollout abort ${other.id}`,
        },
      );
    }
    const id = randomBytes(4).toString('hex');
    const rollout = newRollout(this.#deps, request, id, this.#deps.clock.wallMs());
    this.#move(rollout, 'advancing', `Started: ${rollout.fromTitle} to ${rollout.toTitle}.`);
    this.#enlist(rollout);
    return this.view(id);
  }

  /** Stops looking at evidence; what runs where stays as it is. @throws CodedError ROLLOUT_UNKNOWN, REQUEST_INVALID */
  pause(id: string): RolloutView {
    const rollout = this.#open(id);
    if (rollout.state !== 'paused') this.#move(rollout, 'paused', 'Paused by a person.');
    return this.view(id);
  }

  /** @throws CodedError ROLLOUT_UNKNOWN, REQUEST_INVALID */
  resume(id: string): RolloutView {
    const rollout = this.#open(id);
    if (rollout.state === 'paused') this.#move(rollout, 'advancing', 'Resumed by a person.');
    return this.view(id);
  }

  /**
   * Lets it into the stage that waits for this; evidence and window are looked at again before it goes.
   * @param by who says so, for the record
   * @throws CodedError ROLLOUT_UNKNOWN, REQUEST_INVALID
   */
  approve(id: string, by = 'a person'): RolloutView {
    const rollout = this.#open(id);
    if (rollout.state !== 'waiting-for-approval') {
      throw serverError('REQUEST_INVALID', `rollout ${id} is ${rollout.state} and waits for no approval`, {
        hint: 'Approve it when its evidence is there: andon rollout status says so.',
      });
    }
    rollout.approvedStage = rollout.stage + 1;
    this.#move(rollout, 'advancing', `Stage ${rollout.stage + 2} approved by ${by}.`);
    return this.view(id);
  }

  /** Brings back on every device what it ran before. @throws CodedError ROLLOUT_UNKNOWN, REQUEST_INVALID */
  abort(id: string): RolloutView {
    const rollout = this.#open(id);
    this.#move(rollout, 'aborted', 'Aborted by a person; the devices go back to what they ran before.');
    this.#settle(rollout);
    return this.view(id);
  }

  /** Newest first. */
  views(): RolloutView[] {
    const devices = this.#deps.fleet.devices();
    return this.#deps.rollouts
      .all()
      .reverse()
      .filter((rollout, i) => i < SHOWN || isOpen(rollout))
      .map((rollout) => this.#viewOf(rollout, devices));
  }

  /** @throws CodedError ROLLOUT_UNKNOWN */
  view(id: string): RolloutView {
    return this.#viewOf(this.#find(id), this.#deps.fleet.devices());
  }

  /** One look at everything; from `start` on about every `everyMs`. */
  evaluate(): void {
    const rollouts = this.#deps.rollouts.all();
    for (const rollout of rollouts) {
      try {
        if (!rollout.settled) this.#settle(rollout);
        if (isJudged(rollout)) this.#look(rollout);
      } catch (error) {
        this.#deps.counters.add(`rollouts.${codeOf(error)}`);
        const reason = `It cannot be judged now: ${error instanceof Error ? error.message : String(error)}`;
        if (rollout.reason === reason) continue;
        this.#deps.log.error({ event: 'rollout-not-judged', rollout: rollout.id, err: error }, reason);
        if (isOpen(rollout)) this.#move(rollout, 'holding', reason);
      }
    }
    this.#catchUp(rollouts);
  }

  /** A look that failed as a whole (the store cannot be read) must not end the server: the next one may succeed. */
  #tick(): void {
    const { clock, counters, log } = this.#deps;
    const begunMs = clock.monotonicMs();
    try {
      this.evaluate();
    } catch (error) {
      counters.add(`rollouts.${codeOf(error)}`);
      log.error({ event: 'rollouts-not-judged', err: error }, 'the rollouts cannot be judged now');
    }
    const waitMs = this.#pace.waitAfter(clock.monotonicMs() - begunMs);
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  #look(rollout: Rollout): void {
    this.#enlist(rollout);
    const devices = this.#deps.fleet.devices();
    const progress = installProgress(rollout, devices);
    const evidence = stageEvidence(this.#deps, rollout, progress.failures);
    const nowMs = this.#deps.clock.wallMs();
    rollout.evidence = shownEvidence(evidence, rollout, nowMs);
    rollout.curve = extendedCurve(rollout.curve, rollout, nowMs);
    rollout.drifting = [...evidence.guardrails.drifting];
    const move = nextMove(rollout, decide(evidence), progress, gatesOf(rollout, nowMs));
    const advances = move.stage > rollout.stage;
    if (advances) {
      rollout.stage = move.stage;
      rollout.stageStartedAtMs = nowMs;
      rollout.settled = false;
    }
    this.#move(rollout, move.state, move.reason);
    if (!rollout.settled) this.#settle(rollout);
    if (advances) this.#enlist(rollout);
  }

  /** Adds the devices that the stage asks for, late comers included. */
  #enlist(rollout: Rollout): void {
    const { fleet } = this.#deps;
    const known = new Set(Object.keys(rollout.members));
    const candidates = matchingDevices(fleet.devices(), rollout.slot, rollout.labels, (device) =>
      Boolean(fleet.desiredSlot(device, rollout.slot)),
    ).filter((device) => known.has(device.id) || this.#canJoin(rollout, device));
    const added = devicesToAdd(rollout.id, rollout.stages[rollout.stage]?.devices ?? 1, candidates, known);
    if (added.length === 0) return;
    for (const device of candidates.filter(({ id }) => added.includes(id))) {
      const champion = championOf(fleet, device, rollout.slot);
      if (champion) rollout.members[device.id] = { champion, generation: 0 };
    }
    rollout.settled = false;
    this.#deps.rollouts.save(rollout);
    this.#settle(rollout);
  }

  /** It does not have the model yet, and what it runs could be brought back. */
  #canJoin(rollout: Rollout, device: FleetDevice): boolean {
    const hash = championHash(this.#deps.fleet, device, rollout.slot);
    return (
      hash !== undefined &&
      hash !== rollout.to.manifestSha256 &&
      Boolean(this.#deps.fleet.modelRefByHash(hash))
    );
  }

  /** Sets on every member what follows from the rollout's state. */
  #settle(rollout: Rollout): void {
    for (const [device, member] of Object.entries(rollout.members)) {
      member.generation = this.#deps.fleet.setSlot(
        device,
        rollout.slot,
        wantedSlot(rollout, member.champion),
      );
    }
    rollout.settled = true;
    this.#deps.rollouts.save(rollout);
  }

  /** A device that appears after a rollout ended, was never told what to run, and runs an older version, follows. */
  #catchUp(rollouts: readonly Rollout[]): void {
    const { fleet } = this.#deps;
    const devices = fleet.devices();
    const busy = new Set(rollouts.filter(isOpen).map(({ slot }) => slot));
    for (const { slot, to, labels } of rollouts.filter(({ state }) => state === 'done').reverse()) {
      if (busy.has(slot)) continue;
      for (const device of matchingDevices(devices, slot, labels, () => false)) {
        const champion = championOf(fleet, device, slot);
        const isOlder = champion?.name === to.name && champion.version < to.version;
        if (isOlder && !fleet.desiredSlot(device.id, slot)) {
          fleet.setSlot(device.id, slot, { champion: to, challenger: null });
        }
      }
    }
  }

  /** Saves the row; a new state or stage is a decision, and is kept with its numbers. */
  #move(rollout: Rollout, state: RolloutState, reason: string): void {
    const { rollouts, clock, log } = this.#deps;
    const last = rollouts.decisions(rollout.id, 1)[0];
    const isDecision = last?.state !== state || last.stage !== rollout.stage;
    const goesBack = state === 'rolled-back' || state === 'aborted';
    if (isDecision || rollout.reason !== reason) rollout.updatedAtMs = clock.wallMs();
    if (isDecision && goesBack) rollout.settled = false;
    rollout.state = state;
    rollout.reason = reason;
    rollouts.save(rollout);
    if (!isDecision) return;
    const { id, slot, stage, evidence } = rollout;
    rollouts.appendDecision(id, { timeMs: rollout.updatedAtMs, state, stage, reason, evidence });
    log.info({ event: 'rollout', rollout: id, slot, state, stage }, reason);
  }

  #find(id: string): Rollout {
    const rollout = this.#deps.rollouts.all().find((candidate) => candidate.id === id);
    if (rollout) return rollout;
    throw serverError('ROLLOUT_UNKNOWN', `there is no rollout "${id}"`, {
      hint: 'List them: andon rollout status',
    });
  }

  #open(id: string): Rollout {
    const rollout = this.#find(id);
    if (isOpen(rollout)) return rollout;
    throw serverError('REQUEST_INVALID', `rollout ${id} is ${rollout.state} already`, {
      hint: 'To go back to an earlier version, start a rollout of that version.',
    });
  }

  #viewOf(rollout: Rollout, devices: readonly FleetDevice[]): RolloutView {
    return rolloutView(rollout, devices, this.#deps.rollouts.decisions(rollout.id, DECISIONS_SHOWN));
  }
}
