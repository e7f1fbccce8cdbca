/**
 * The run loop: slices of guest code in turn, everything from outside between them, sleep when nothing can run.
 *
 * @module
 */
import type { AxVCpuExitReason } from "./exit.ts";
import type { AppliedEvent } from "./inbox.ts";
import type { AxVCpu } from "./vcpu.ts";
import { handleExit } from "./vm_exits.ts";
import type { VmMachine } from "./vm_machine.ts";

/** Steps of a turn when there is one CPU: a turn only matters then as the longest slice, and a slice costs microseconds. */
const TURN_ALONE = 16_000_000;

/** The same where somebody observes exits: the end of a turn is one, and what looks at memory there must not look too rarely. */
const TURN_OBSERVED = 200_000;

/** Steps of a turn when several CPUs share the thread: short, because one may spin until another answers. */
const TURN_SHARED = 20_000;

/** Most effort, in steps, after which the loop looks at the host's clock: a few milliseconds of the fastest guests. */
const LOOK_AROUND = TURN_ALONE;

/** Effort after which a host without a clock gets a turn. */
const YIELD_WITHOUT_CLOCK = 400_000;

/** Least effort: a guest that does nothing but trap runs a hundred times slower than others. */
const LEAST_LOOK_AROUND = 2000;

/** Milliseconds that should lie between two looks at the host's clock, so that nothing that is due waits for much longer. */
const LOOK_AFTER_MS = 2;

/** Effort that an exit counts for: about a microsecond. */
const EXIT_EFFORT = 200;

/** Milliseconds of host time after which the host's event loop gets a turn. */
const YIELD_AFTER_MS = 10;

/** Effort of an idle skip of virtual time. */
const SKIP_EFFORT = 2000;

/** Longest sleep: some hosts cannot sleep for longer than 2^31 milliseconds. */
const LONGEST_SLEEP_MS = 2 ** 30;

/** Sleeps below this are turns of the event loop: a host's timer is no finer. */
const SHORTEST_SLEEP_MS = 0.5;

/** Why {@link VmRunner.run} returned. */
export type RunPause = "power" | "steps" | "attention" | "failure";

/** Runs a machine until something happens that its owner must decide. */
export class VmRunner {
  /** Ends the run at the next possibility; whoever set it clears it. */
  attention = false;
  /** Recorded input that is still to come, in order. */
  replay: AppliedEvent[] = [];
  #machine: VmMachine;
  #deadlineMoved = false;
  #running: AxVCpu | undefined;
  #wake: (() => void) | undefined;
  #effort = 0;
  #lastYield = 0;
  #looked = 0;
  #lookedAt = 0;
  /** Effort until the next look at the host's clock, by how fast the guest ran of late. */
  #stride: number;

  /** Runs `machine`. */
  constructor(machine: VmMachine) {
    this.#machine = machine;
    const { clock, inbox, completions, host } = machine;
    this.#stride = host.realTime ? LEAST_LOOK_AROUND : YIELD_WITHOUT_CLOCK;
    clock.setRunningSteps(() => this.#running === undefined ? 0 : this.#running.steps);
    clock.onEarlierDeadline = (): void => {
      this.#deadlineMoved = true;
      this.#running?.arch.kick();
    };
    inbox.onPosted = (): void => this.#wake?.();
    completions.onSettled = (): void => this.#wake?.();
  }

  /** A CPU inside its slice stops as soon as it can: somebody asked for something. */
  kick(): void {
    this.#running?.arch.kick();
  }

  /**
   * Executes until a power request, a failure, an exact number of steps, or {@link attention}.
   *
   * @param limit Steps since the VM was started; Infinity for no limit
   */
  async run(limit: number): Promise<RunPause> {
    const machine = this.#machine;
    const { schedule, clock, completions, host } = machine;
    this.#lastYield = this.#lookedAt = host.nowMs();
    this.#running = undefined;
    for (;;) {
      this.letIn();
      if (this.attention) return "attention";
      if (schedule.steps >= limit) return "steps";
      if (!completions.applyDue()) {
        await this.sleep(Infinity);
        continue;
      }
      clock.expire();
      if (machine.power !== undefined) return "power";
      if (machine.failure !== undefined) return "failure";
      const cpu = this.#inTurn() ?? this.#next();
      if (cpu === undefined) {
        if (!await this.#idle()) return "failure";
      } else {
        clock.executing(true);
        try {
          this.#execute(cpu, limit);
        } finally {
          clock.executing(false);
        }
      }
      if (this.#isTimeToYield()) {
        this.#letOthersBind();
        await host.yieldToHost();
        this.#lastYield = this.#lookedAt = host.nowMs();
        this.#effort = 0;
        this.#looked = 0;
      }
    }
  }

  /** Applies what came through the door, after what a recording says that came at this moment. */
  letIn(): void {
    const { schedule, inbox, clock, consoles } = this.#machine;
    for (; this.replay.length > 0; this.replay.shift()) {
      const [{ steps, ticks, target, bytes }] = this.replay;
      if (steps > schedule.steps || ticks > clock.now()) break;
      if (bytes) consoles.get(target)?.write(bytes);
    }
    inbox.drain(schedule.steps, clock.now());
  }

  /** Waits for so many milliseconds, or until something comes through the door. */
  async sleep(milliseconds: number): Promise<void> {
    const { host, inbox } = this.#machine;
    if (!inbox.isEmpty) return;
    this.#letOthersBind();
    if (milliseconds < SHORTEST_SLEEP_MS) {
      await host.yieldToHost();
    } else {
      const length = milliseconds === Infinity ? Infinity : Math.min(LONGEST_SLEEP_MS, milliseconds);
      const sleep = host.sleep(length);
      this.#wake = (): void => sleep.cancel();
      await sleep.done;
      this.#wake = undefined;
    }
    // The guest was not slow meanwhile.
    this.#lookedAt = host.nowMs();
  }

  /** Stores the state of the CPU that is loaded, so that all of them can be looked at. */
  unbind(): void {
    for (const cpu of this.#machine.vcpus) {
      if (cpu.isBound && cpu.state !== "Invalid") cpu.unbind();
    }
  }

  /** While this VM waits, the CPUs of another one may need the physical CPU. */
  #letOthersBind(): void {
    if (this.#machine.sharesMemory) this.unbind();
  }

  /** Without a clock every look is a turn for the host: that costs microseconds. */
  #isTimeToYield(): boolean {
    if (this.#effort - this.#looked < this.#stride) return false;
    this.#looked = this.#effort;
    const { host } = this.#machine;
    if (!host.realTime) return true;
    const now = host.nowMs();
    const elapsed = now - this.#lookedAt;
    this.#lookedAt = now;
    if (elapsed > 2 * LOOK_AFTER_MS) {
      this.#stride = Math.max(LEAST_LOOK_AROUND, Math.floor(this.#stride * LOOK_AFTER_MS / elapsed));
    } else if (elapsed < LOOK_AFTER_MS) this.#stride = Math.min(LOOK_AROUND, this.#stride * 2);
    return now - this.#lastYield >= YIELD_AFTER_MS;
  }

  /** The CPU whose turn is not over. */
  #inTurn(): AxVCpu | undefined {
    const { schedule, vcpus } = this.#machine;
    return schedule.left > 0 && this.#canRun(schedule.current) ? vcpus[schedule.current] : undefined;
  }

  /**
   * Gives the turn to the next CPU that can run. CPUs wake here and nowhere else: between turns, whose ends depend on executed steps
   * alone, so that how often the loop looks around changes nothing for the guest.
   */
  #next(): AxVCpu | undefined {
    const { schedule, vcpus, exitHooks } = this.#machine;
    for (const cpu of vcpus) {
      if (cpu.wakeIfPending()) schedule.suspended[cpu.id] = false;
    }
    for (let i = 1; i <= vcpus.length; i++) {
      const index = (schedule.current + i) % vcpus.length;
      if (!this.#canRun(index)) continue;
      schedule.current = index;
      schedule.left = vcpus.length > 1 ? TURN_SHARED : exitHooks.length > 0 ? TURN_OBSERVED : TURN_ALONE;
      return vcpus[index];
    }
    return undefined;
  }

  #canRun(index: number): boolean {
    const { schedule, vcpus } = this.#machine;
    return schedule.started[index] && vcpus[index].state !== "Blocked";
  }

  /** Executes a CPU until its turn ends, an event is due, or it is time to look around. Nothing in here waits. */
  #execute(cpu: AxVCpu, limit: number): void {
    const machine = this.#machine;
    const { schedule, clock } = machine;
    const { arch } = cpu;
    this.#load(cpu);
    const lookAt = this.#looked + this.#stride;
    let deadline = arch.timerDeadline();
    let room = this.#stepsToEvent();
    let first = true;
    while (schedule.left > 0) {
      const wanted = Math.min(schedule.left, limit - schedule.steps, room, this.#stepsToReplay());
      let budget = Math.min(wanted, lookAt - this.#effort);
      if (budget <= 0) {
        // An event that stays due although it was handled must not keep the guest from going on.
        if (!first || schedule.steps >= limit) return;
        budget = 1;
      }
      first = false;
      this.#running = cpu;
      const exit = cpu.run(budget);
      this.#running = undefined;
      const used = arch.steps;
      schedule.steps += used;
      // Not a step more: an attempt that was taken back may come first or last in a slice, and a turn must not depend on that.
      schedule.left -= used;
      room -= used;
      clock.advance(used);
      this.#effort += used + EXIT_EFFORT;
      // Where the host cuts a turn into slices is nothing that a guest may notice through an observer.
      if (exit.kind !== "Nothing" || schedule.left <= 0) this.#tellObservers(cpu.id, exit);
      if (exit.kind !== "Nothing") handleExit(machine, cpu, exit);
      if (this.attention || machine.power !== undefined || machine.failure !== undefined) return;
      if (cpu.state !== "Ready" || this.#effort >= lookAt) return;
      if (this.#deadlineMoved || arch.timerDeadline() !== deadline) {
        deadline = arch.timerDeadline();
        room = this.#stepsToEvent();
      }
    }
  }

  #tellObservers(cpu: number, exit: AxVCpuExitReason): void {
    for (const hook of this.#machine.exitHooks) hook(cpu, exit);
  }

  #stepsToReplay(): number {
    return this.replay.length === 0 ? Infinity : Math.max(0, this.replay[0].steps - this.#machine.schedule.steps);
  }

  /** Makes `cpu` the one whose state is in the physical CPU. */
  #load(cpu: AxVCpu): void {
    if (cpu.isBound) return;
    this.unbind();
    cpu.bind();
  }

  /** Steps until the next timer, completion or CPU timer interrupt. */
  #stepsToEvent(): number {
    this.#deadlineMoved = false;
    return this.#machine.clock.stepsUntil(this.#nextEvent(false));
  }

  /** Tick of the next thing that happens by itself. A CPU's deadline in the past is pending or masked: nothing happens then. */
  #nextEvent(idle: boolean): number {
    const { clock, completions, vcpus, schedule } = this.#machine;
    let next = Math.min(clock.nextDeadline, completions.nextDue);
    const now = clock.now();
    for (const cpu of vcpus) {
      if (!schedule.started[cpu.id] || (idle && cpu.state !== "Blocked")) continue;
      const deadline = cpu.arch.timerDeadline();
      if (deadline > now && deadline < next) next = deadline;
    }
    return next;
  }

  /** Nothing can run: virtual time skips to the next event, real time is slept away. False if nothing can ever run again. */
  async #idle(): Promise<boolean> {
    const machine = this.#machine;
    const { clock, schedule, vcpus } = machine;
    if (!schedule.started.some((started) => started)) {
      machine.failure = "every CPU of the guest has stopped itself, so nothing can start one again";
      return false;
    }
    schedule.left = 0;
    const recorded = this.replay.length > 0 && this.replay[0].ticks > clock.now() ? this.replay[0].ticks : Infinity;
    const event = Math.min(this.#nextEvent(true), recorded);
    // A deadline that passed since the CPUs were last asked is a pending interrupt now, and no event any more.
    if (vcpus.some((cpu) => cpu.state === "Blocked" && cpu.arch.hasPendingInterrupt())) return true;
    if (clock.virtual && event !== Infinity) {
      clock.skipTo(event);
      this.#effort += SKIP_EFFORT;
    } else {
      await this.sleep(clock.millisecondsUntil(event));
    }
    return true;
  }
}
