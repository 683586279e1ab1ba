/**
 * The values of a section of a configuration, whatever it is read from: a section is nested configuration.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** - `name`: in upper case. `path`: where the value stands, as it is spelled there */
export interface Value {
  readonly name: string
  readonly path: ReadonlyArray<string>
  readonly text: string
}

/**
 * - `values`: all of a section of a file, however section and names are spelled; none, if there is no such section
 * - `holders`: the paths of what stands there and is no value, but a list or an object
 */
export interface Content {
  readonly values: ReadonlyArray<Value>
  readonly holders: ReadonlyArray<ReadonlyArray<string>>
}

export const content = (section: ReadonlyArray<string>): Effect.Effect<Content> =>
  Effect.gen(function* () {
    if (section.length === 0) return { values: [], holders: [] }
    const paths = yield* Effect.map(Effect.flatMap(spellings(section), Effect.forEach(children)), (each) => each.flat())
    const found = yield* valuesAt(paths)
    return {
      values: yield* Effect.filter(found, ({ path }) => Effect.map(isVariable(path), (isOne) => !isOne)),
      holders: paths.filter((path) => !isUpperCase(path) && !found.some((value) => value.path === path))
    }
  })

/** Where a list stands in the place of the section, as a TOML file has it under `[[OpenAI]]`. */
export const lists = (section: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<ReadonlyArray<string>>> =>
  Effect.flatMap(
    spellings(section),
    Effect.filter((path) =>
      Effect.map(
        children(path),
        (found) => found.length > 0 && found.every((each) => /^\[\d+\]$/.test(each.at(-1) ?? ""))
      )
    )
  )

/** The sections beside this one whose names are like it. */
export const siblings = (
  section: ReadonlyArray<string>,
  isLike: (name: string) => boolean
): Effect.Effect<ReadonlyArray<ReadonlyArray<string>>> =>
  Effect.flatMap(Effect.flatMap(spellings(section.slice(0, -1)), Effect.forEach(children)), (found) =>
    Effect.filter(
      found.flat().filter((path) => !isUpperCase(path) && isLike(path.at(-1) ?? "")),
      (path) => Effect.map(children(path), (inside) => inside.length > 0)
    )
  )

/** As the environment lists what is in it: `OPENAI_MODEL_FAST` is something below `OPENAI` > `MODEL`. */
const isUpperCase = (path: ReadonlyArray<string>): boolean => path.every((name) => name === name.toUpperCase())

/** The environment knows no sections: what it lists as `OPENAI` > `MODEL` is its variable `OPENAI_MODEL`. */
const isVariable = (path: ReadonlyArray<string>): Effect.Effect<boolean> => {
  return isUpperCase(path)
    ? Effect.map(valuesAt([[path.join("_")]]), (found) => found.length > 0)
    : Effect.succeed(false)
}

/** The values at these paths, without those that are not set. */
export const valuesAt = (paths: ReadonlyArray<ReadonlyArray<string>>): Effect.Effect<ReadonlyArray<Value>> =>
  Effect.map(
    Effect.forEach(paths, (path) =>
      Effect.map(
        Effect.option(at(path, Config.string())),
        Option.map((text): Value => ({ name: (path.at(-1) ?? "").toUpperCase(), path, text }))
      )
    ),
    (found) => found.flatMap(Option.toArray)
  )

const at = <A>(path: ReadonlyArray<string>, config: Config.Config<A>): Config.Config<A> =>
  path.reduceRight((inner, name) => Config.nested(inner, name), config)

/** The paths one level below. A ConfigProvider that cannot list its names has none. */
const children = (path: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<ReadonlyArray<string>>> =>
  Effect.match(at(path, Config.hashMap(Config.option(Config.string()))), {
    onFailure: () => [],
    onSuccess: (names) => [...names].map(([name]) => [...path, name]).sort()
  })

/** The paths that are this one but for upper and lower case. */
const spellings = (path: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<ReadonlyArray<string>>> => {
  const last = path.at(-1)
  return last === undefined
    ? Effect.succeed([[]])
    : Effect.map(Effect.flatMap(spellings(path.slice(0, -1)), Effect.forEach(children)), (found) =>
        found.flat().filter((each) => each.at(-1)?.toLowerCase() === last.toLowerCase())
      )
}
