/**
 * What the answers of one client teach about its limits: headers tell them; where there are none, only a refusal does, and
 * all go more slowly for a while.
 */
import * as Duration from "effect/Duration"
import type { Limits } from "../Limits.js"
import type { RateLimited } from "../LlmError.js"
import type { Lesson, Quota } from "./RateLimitStore.js"

const minute = 60_000

/** The wait after a refusal that asks for none: a second, then twice as long each time. */
const firstPause = 1000

/** After a refusal without headers, this share of the quota is used; the whole of it again after a minute or so. */
const slower = 0.7
const regained = 0.5

const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)

export class RateLimitLessons {
  private told: Quota = { requests: undefined, tokens: undefined }
  private hasHeaders = false
  private pace = 1
  private pacedAt = 0
  private refusedAt = Number.NEGATIVE_INFINITY
  private refusals = 0

  /** `own`: the limits that the program asked for; those of the provider may be lower. */
  constructor(
    private readonly own: Quota,
    private readonly model: string
  ) {}

  /** What may be used now. */
  quota(now: number): Quota {
    const pace = Math.min(1, this.pace + (regained * Math.max(0, now - this.pacedAt)) / minute)
    const paced = (limit: number | undefined): number | undefined =>
      limit === undefined || pace === 1 ? limit : Math.max(1, Math.floor(limit * pace))
    const { requests, tokens } = this.limits
    return { requests: paced(requests), tokens: paced(tokens) }
  }

  /** The program's own limits, or lower ones of which the provider told. */
  get limits(): Quota {
    return {
      requests: smaller(this.own.requests, this.told.requests),
      tokens: smaller(this.own.tokens, this.told.tokens)
    }
  }

  /**
   * The headers of an answer to a call that began at `since`. They may be as old as the call: what has been refilled since
   * is no contradiction.
   */
  heard({ at, model, requests, tokens }: Limits, since: number): Lesson | undefined {
    // Limits of other models are others.
    if (model !== this.model) return undefined
    this.hasHeaders = true
    this.told = { requests: positive(requests?.limit), tokens: positive(tokens?.limit) }
    const quota = this.quota(at)
    const most = (remaining: number | undefined, limit: number | undefined): number | undefined =>
      remaining === undefined || limit === undefined
        ? undefined
        : remaining + (limit * Math.max(0, at - since)) / minute
    const atMost = {
      requests: most(requests?.remaining, quota.requests),
      tokens: most(tokens?.remaining, quota.tokens)
    }
    return { atMost }
  }

  /** A 429 to a call that began at `since`: those that were under way together are one refusal. */
  refused(error: RateLimited, since: number, now: number): Lesson {
    if (since >= this.refusedAt) {
      this.refusals++
      this.refusedAt = now
      if (!this.hasHeaders) {
        this.pace = Math.max(0.1, slower * Math.min(1, this.pace + (regained * (now - this.pacedAt)) / minute))
        this.pacedAt = now
      }
    }
    const asked = error.retryAfter === undefined ? undefined : Duration.toMillis(error.retryAfter)
    const pause = asked ?? Math.min(minute, firstPause * 2 ** Math.max(0, this.refusals - 1))
    // What was believed to be left is not there; headers have said what is.
    return { pause, atMost: this.hasHeaders ? undefined : { requests: 0, tokens: 0 } }
  }

  answered(): void {
    this.refusals = 0
  }
}

const positive = (limit: number | undefined): number | undefined =>
  limit !== undefined && limit > 0 ? limit : undefined
