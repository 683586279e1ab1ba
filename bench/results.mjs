// The figures of a run, by scenario, client and round, and what is read from them.

const quantile = (sorted, share) => {
  const at = (sorted.length - 1) * share
  const low = Math.floor(at)
  const high = Math.ceil(at)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
}
const inOrder = (values) => [...values].sort((a, b) => a - b)
const medianOf = (values) => (values.length === 0 ? undefined : quantile(inOrder(values), 0.5))

export class Results {
  #rounds = new Map()
  #failures = new Map()

  static #key(scenario, client) {
    return `${scenario} ${client}`
  }

  add(scenario, client, round, value) {
    const key = Results.#key(scenario, client)
    this.#rounds.set(key, (this.#rounds.get(key) ?? new Map()).set(round, value))
  }

  /** A cell that failed once is failed: its other rounds do not count. */
  fail(scenario, client, kind, reason) {
    this.#failures.set(Results.#key(scenario, client), { kind, reason })
  }

  failure(scenario, client) {
    return this.#failures.get(Results.#key(scenario, client))
  }

  get hasFailures() {
    return this.#failures.size > 0
  }

  #values(scenario, client) {
    return this.failure(scenario, client) ? new Map() : (this.#rounds.get(Results.#key(scenario, client)) ?? new Map())
  }

  /** One figure per round in which both were measured: machines drift, neighbours in time are comparable. */
  #paired(scenario, client, other, combine) {
    const others = this.#values(scenario, other)
    return [...this.#values(scenario, client)].flatMap(([round, value]) =>
      others.has(round) ? [combine(value, others.get(round))] : []
    )
  }

  median(scenario, client) {
    return medianOf([...this.#values(scenario, client).values()])
  }

  /** The interquartile spread as a share of the median; undefined below three rounds. */
  spread(scenario, client) {
    const values = inOrder(this.#values(scenario, client).values())
    if (values.length < 3) return undefined
    return (quantile(values, 0.75) - quantile(values, 0.25)) / quantile(values, 0.5)
  }

  ratio(scenario, client, other) {
    return medianOf(this.#paired(scenario, client, other, (value, base) => value / base))
  }

  difference(scenario, client, other) {
    return medianOf(this.#paired(scenario, client, other, (value, base) => value - base))
  }

  toJSON() {
    const cells = {}
    for (const [key, rounds] of this.#rounds) {
      const [scenario, client] = key.split(" ")
      const cell = { values: [...rounds.values()], median: this.median(scenario, client) }
      ;(cells[scenario] ??= {})[client] = {
        ...cell,
        spread: this.spread(scenario, client),
        timesRaw: this.ratio(scenario, client, "raw")
      }
    }
    for (const [key, failure] of this.#failures) {
      const [scenario, client] = key.split(" ")
      ;(cells[scenario] ??= {})[client] = failure
    }
    return cells
  }
}
