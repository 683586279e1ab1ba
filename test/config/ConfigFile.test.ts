import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, FastCheck, HashMap, Inspectable, Layer, Option } from "effect"
import { ConfigFile } from "effect-llm"

const model = Config.nested(Config.string("MODEL"), "OpenAI")

/** A value of a text. */
const inText = <A>(text: string, format: ConfigFile.Format, config: Config.Config<A>) =>
  Effect.flatMap(ConfigFile.parse(text, format), (provider) => provider.load(config))

const environment = (variables: Readonly<Record<string, string>>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)), { pathDelim: "_", seqDelim: "," }))

describe("ConfigFile", () => {
  it.effect.each<readonly [ConfigFile.Format, string]>([
    ["ini", "[OpenAI]\nMODEL=gpt-4.1-mini\nMAX_TOKENS = 100\n[app.log]\nlevel: debug\ntags=a, b\n"],
    [
      "json",
      '{ "OpenAI": { "MODEL": "gpt-4.1-mini", "MAX_TOKENS": 100 }, "app": { "log": { "level": "debug", "tags": ["a", "b"] } } }'
    ],
    ["toml", '[OpenAI]\nMODEL = "gpt-4.1-mini"\nMAX_TOKENS = 100\n[app.log]\nlevel = "debug"\ntags = ["a", "b"]\n']
  ])("reads %s, with sections as nested configuration", ([format, text]) =>
    Effect.gen(function* () {
      expect(yield* inText(text, format, model)).toBe("gpt-4.1-mini")
      expect(yield* inText(text, format, Config.nested(Config.integer("MAX_TOKENS"), "OpenAI"))).toBe(100)
      const log = Config.all({ level: Config.string("level"), tags: Config.array(Config.string(), "tags") })
      expect(yield* inText(text, format, Config.nested(Config.nested(log, "log"), "app"))).toEqual({
        level: "debug",
        tags: ["a", "b"]
      })
      const names = yield* inText(text, format, Config.hashMap(Config.string(), "OpenAI"))
      expect([...HashMap.keys(names)].sort()).toEqual(["MAX_TOKENS", "MODEL"])
      expect(yield* inText(text, format, Config.option(Config.string("NONE")))).toEqual(Option.none())
    })
  )

  it.effect("reads INI as Python's configparser does, and takes off quotes", () =>
    Effect.gen(function* () {
      const text = [
        "\uFEFFtop = above all sections",
        "# a comment",
        "; another",
        "[ a ]  ; behind a section, too",
        "equals = one=two:three",
        "colon: http://127.0.0.1:8080",
        'quoted = "it\'s; # no comment"',
        "empty =",
        "long = first",
        "  second",
        "",
        "  indented = 1",
        "[DEFAULT]"
      ].join("\r\n")
      const value = (name: string) => inText(text, "ini", Config.nested(Config.string(name), "a"))
      expect(yield* inText(text, "ini", Config.string("top"))).toBe("above all sections")
      expect(yield* value("equals")).toBe("one=two:three")
      expect(yield* value("colon")).toBe("http://127.0.0.1:8080")
      expect(yield* value("quoted")).toBe("it's; # no comment")
      expect(yield* value("empty")).toBe("")
      expect(yield* value("long")).toBe("first\nsecond")
      expect(yield* value("indented")).toBe("1")
    })
  )

  it.effect("reads TOML's dates as they are written, and leaves out JSON's nulls", () =>
    Effect.gen(function* () {
      expect(yield* inText("day = 2026-11-25", "toml", Config.string("day"))).toBe("2026-11-25")
      expect(yield* inText('{ "a": null }', "json", Config.option(Config.string("a")))).toEqual(Option.none())
    })
  )

  it.effect.each<readonly [ConfigFile.Format, string, number, number]>([
    ["ini", "[OpenAI]\nMODEL gpt-4.1-mini", 2, 1],
    ["ini", "[OpenAI]\n  [Other\nMODEL=1", 2, 3],
    ["ini", "a=1\n[]", 2, 1],
    ["ini", "[a..b]", 1, 1],
    ["ini", "=1", 1, 1],
    ["ini", "[a]\nMODEL=1\nmodel=2", 3, 1],
    ["json", '{ "a": 1,\n  "b": }', 2, 8],
    ["json", '{ "a": 1,\n}', 2, 1],
    ["json", '{ "a": [1, 2, ] }', 1, 15],
    ["json", '{ "a" 1 }', 1, 7],
    ["json", "{\r\n  a: 1 }", 2, 3],
    ["json", '{ "a": "open\n" }', 1, 8],
    ["json", '{ "a": 01 }', 1, 9],
    ["json", '{ "a": "\\x" }', 1, 8],
    ["json", '{ "a": 1 } 2', 1, 12],
    ["json", '{ "a": [1', 1, 10],
    ["json", "", 1, 1],
    ["json", "[1]", 1, 1],
    ["json", "null", 1, 1],
    ["toml", 'a = 1\nb = "open', 2, 5],
    ["toml", "a = 1\na = 2", 2, 1],
    ["toml", "[a]\nb 1", 2, 3]
  ])("says where a malformed file is wrong: %s %j at %i:%i", ([format, text, line, column]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ConfigFile.parse(text, format, "config.file"))
      expect(error).toMatchObject({ _tag: "ConfigFileError", path: "config.file", line, column })
      expect(error.message).toContain(`config.file:${line}:${column}: `)
    })
  )

  it.effect.each<readonly [ConfigFile.Format, string]>([
    ["ini", "[OpenAI]\nsk-secret-1234567890"],
    ["json", '{ "OPENAI_API_KEY": sk-secret-1234567890 }'],
    ["json", '{ "OPENAI_API_KEY": "sk-secret-1234567890'],
    ["toml", "OPENAI_API_KEY = sk-secret-1234567890"],
    ["toml", 'OPENAI_API_KEY = "sk-secret-1234567890']
  ])("shows nothing of a malformed file: %s %j", ([format, text]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ConfigFile.parse(text, format))
      const words = [String(error), error.stack, Inspectable.toStringUnknown(error), JSON.stringify(error)].join("\n")
      expect(words).not.toContain("sk-secret")
    })
  )

  it("finds in INI what was written there, whatever names and values are", () => {
    const name = FastCheck.stringMatching(/^[A-Za-z0-9_-]{1,12}$/)
    const value = FastCheck.string().filter((text) => text === text.trim() && !/[\r\n]|^["']/.test(text))
    const section = FastCheck.dictionary(
      name.map((each) => each.toLowerCase()),
      value
    )
    FastCheck.assert(
      FastCheck.property(name, section, FastCheck.boolean(), (title, values, isSpaced) => {
        const equals = isSpaced ? " = " : "="
        const lines = Object.entries(values).map(([each, text]) => `${each}${equals}${text}`)
        const found = Effect.runSync(
          inText(
            [`[${title}]`, ...lines].join("\n"),
            "ini",
            Config.all(Object.keys(values).map((each) => Config.nested(Config.string(each), title)))
          )
        )
        expect(found).toEqual(Object.values(values))
      })
    )
  })

  it("finds a fault in every JSON that was cut, at its end or in its last string or word", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.json({ maxDepth: 3 }), FastCheck.nat(), (json, n) => {
        const text = `{"a":${json}}`.slice(0, -1 - (n % 4))
        const error = Effect.runSync(Effect.flip(ConfigFile.parse(text, "json")))
        expect(error.line).toBe(1)
        expect(error.column).toBeLessThanOrEqual(text.length + 1)
        expect(error.column).toBeGreaterThan(1)
      })
    )
  })

  describe("in a program", () => {
    const withFile = <A, E, R>(name: string, text: string, use: (path: string) => Effect.Effect<A, E, R>) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const folder = yield* files.makeTempDirectoryScoped()
        yield* files.writeFileString(`${folder}/${name}`, text)
        return yield* use(`${folder}/${name}`)
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

    it.effect.each([
      ["config.ini", "MODEL=ini"],
      ["CONFIG.JSON", '{"MODEL":"json"}'],
      ["a.b.toml", 'MODEL = "toml"']
    ])("tells the format of %s by its ending", ([name = "", text = ""]) =>
      Effect.gen(function* () {
        const provider = yield* withFile(name, text, (path) => ConfigFile.read(path))
        expect(yield* Effect.withConfigProvider(Config.string("MODEL"), provider)).toBe(
          name.slice(-4).replace(".", "").toLowerCase()
        )
      })
    )

    it.effect("takes a format for a name without an ending, and asks for it otherwise", () =>
      Effect.gen(function* () {
        const text = "MODEL=ini"
        expect(
          yield* withFile("settings", text, (path) =>
            Effect.provide(Config.string("MODEL"), ConfigFile.layer(path, { format: "ini" }))
          )
        ).toBe("ini")
        const error = yield* Effect.flip(withFile("settings.yaml", text, (path) => ConfigFile.read(path)))
        expect(error.message).toContain(".ini, .json and .toml")
      })
    )

    it.effect("is a ConfigFileError that names the file where there is none", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(ConfigFile.read("/nowhere/config.ini"))
        expect(error).toMatchObject({ _tag: "ConfigFileError", path: "/nowhere/config.ini" })
        expect(error.message).toContain("cannot be read")
      }).pipe(Effect.provide(NodeFileSystem.layer))
    )

    it.effect("lets the environment stand before the file, value by value", () =>
      Effect.gen(function* () {
        const both = yield* Config.all([Config.string("A"), Config.string("B"), model])
        expect(both).toEqual(["environment", "file", "environment"])
      }).pipe(
        Effect.provide(ConfigFile.layerText("A=file\nB=file\n[OpenAI]\nMODEL=file", "ini")),
        Effect.provide(environment({ A: "environment", OpenAI_MODEL: "environment" }))
      )
    )

    it.effect("is there for the layers that are built with it", () =>
      Effect.gen(function* () {
        const said = Layer.effectDiscard(Effect.map(model, (value) => expect(value).toBe("gpt-4.1-mini")))
        yield* Layer.build(Layer.provide(said, ConfigFile.layerText("[OpenAI]\nMODEL=gpt-4.1-mini", "ini")))
      }).pipe(Effect.scoped)
    )
  })
})
