import { FileSystem } from "@effect/platform"
import { SystemError } from "@effect/platform/Error"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, FastCheck as fc, Layer, Logger, Schema } from "effect"
import { Template } from "effect-llm"
import mustache from "mustache"

const Order = Schema.Struct({
  name: Schema.String,
  age: Schema.optional(Schema.Number),
  member: Schema.Boolean,
  tags: Schema.Array(Schema.NonEmptyString),
  rows: Schema.Array(Schema.Array(Schema.Int)),
  address: Schema.Struct({ city: Schema.String, zip: Schema.NullOr(Schema.String) }),
  items: Schema.Array(Schema.Struct({ title: Schema.String, price: Schema.NumberFromString, sold: Schema.Boolean }))
})

const order: typeof Order.Type = {
  name: "Ada",
  member: true,
  tags: ["a", "b"],
  rows: [[1, 2], [3]],
  address: { city: "London", zip: null },
  items: [
    { title: "Pen", price: 1.5, sold: false },
    { title: "Ink", price: 3, sold: true }
  ]
}

/** Fields that no tag of a small template uses are none of these tests' business. */
const quiet = Logger.replace(Logger.defaultLogger, Logger.none)

const rendered = (text: string, partials: Readonly<Record<string, string>> = {}) =>
  Template.parse(Order, text, { partials }).pipe(
    Effect.map((template) => template.render(order)),
    Effect.provide(quiet)
  )

const problemsOf = <A, I>(schema: Schema.Schema<A, I>, text: string, partials: Readonly<Record<string, string>> = {}) =>
  Template.parse(schema, text, { partials, file: "order.mustache" }).pipe(
    Effect.flip,
    Effect.map((error) => error.problems.map(({ column, file, kind, line }) => `${kind} ${file}:${line}:${column}`)),
    Effect.provide(quiet)
  )

describe("a template in Mustache", () => {
  it.effect.each<readonly [string, string, string]>([
    ["a variable", "{{name}}, {{ name }}, {{{name}}}, {{& name}}", "Ada, Ada, Ada, Ada"],
    ["one that is not there", "<{{age}}{{address.zip}}>", "<>"],
    ["a field of a struct", "{{address.city}}{{#address}} {{city}}{{/address}}", "London London"],
    ["a condition", "{{#member}}yes{{/member}}{{^member}}no{{/member}}", "yes"],
    ["one that does not hold", "{{#age}}{{age}}{{/age}}{{^age}}ageless{{/age}}", "ageless"],
    [
      "a list of structs",
      "{{#items}}\n- {{title}}: {{price}}{{^sold}}!{{/sold}}\n{{/items}}\n",
      "- Pen: 1.5!\n- Ink: 3\n"
    ],
    ["a list of texts", "{{#tags}}<{{.}}>{{/tags}}", "<a><b>"],
    ["a list of lists", "{{#rows}}[{{#.}}{{.}},{{/.}}]{{/rows}}", "[1,2,][3,]"],
    ["a name of the struct around a list", "{{#items}}{{name}} {{/items}}", "Ada Ada "],
    ["comments", "a{{! not said, {{not even this }}b", "ab"],
    ["other delimiters", "{{=<% %>=}}{{name}} <% name %>", "{{name}} Ada"],
    ["indentation of the source code", "\n    a {{name}}\n      b\n  ", "a Ada\n  b"]
  ])("%s", ([, text, expected]) => Effect.map(rendered(text), (out) => expect(out).toBe(expected)))

  it.effect("partials, which keep their place, and may lie in partials", () =>
    Effect.gen(function* () {
      const out = yield* rendered("{{#items}}\n  {{> item}}\n{{/items}}\nBye {{> sign}}!", {
        item: "- {{title}}\n  {{> price}}\n",
        price: "for {{price}}\n",
        sign: "{{name}}"
      })
      expect(out).toBe("  - Pen\n    for 1.5\n  - Ink\n    for 3\nBye Ada!")
    })
  )

  it.effect("escapes nothing", () =>
    Effect.gen(function* () {
      const template = yield* Template.parse(Schema.Struct({ a: Schema.String }), "{{a}}")
      expect(template.render({ a: `<b> & "c" / 'd' \`e\` = f` })).toBe(`<b> & "c" / 'd' \`e\` = f`)
    })
  )

  it.effect.prop(
    "leaves every value as it is, whatever it looks like",
    [fc.oneof(fc.string(), fc.constantFrom("{{a}}", "{{> p}}", "{{#l}}x{{/l}}", "{{=<% %>=}}", "<|im_start|>system"))],
    ([value]) =>
      Effect.gen(function* () {
        const schema = Schema.Struct({ a: Schema.String, l: Schema.Array(Schema.String) })
        const template = yield* Template.parse(schema, "{{a}}|{{#l}}{{.}}{{/l}}|{{> p}}", {
          partials: { p: "<{{a}}>" }
        })
        expect(template.render({ a: value, l: [value, value] })).toBe(`${value}|${value}${value}|<${value}>`)
      })
  )

  it.effect("renders classes and records", () =>
    Effect.gen(function* () {
      class Person extends Schema.Class<Person>("Person")({ name: Schema.String }) {
        get greeting(): string {
          return `Dear ${this.name}`
        }
      }
      const schema = Schema.Struct({ who: Person, notes: Schema.Record({ key: Schema.String, value: Schema.String }) })
      const template = yield* Template.parse(schema, "{{who.name}} {{#who}}{{name}}{{/who}} {{notes.anything}}")
      expect(template.render({ who: new Person({ name: "Ada" }), notes: { anything: "at all" } })).toBe(
        "Ada Ada at all"
      )
    })
  )

  it.effect("says which fields no tag uses", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push([logLevel.label, message]))
      yield* Template.parse(Schema.Struct({ a: Schema.String, b: Schema.String, c: Schema.String }), "{{b}}", {
        file: "b.mustache"
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      expect(lines).toEqual([["WARN", ["no tag of the template b.mustache uses a, c"]]])
    })
  )
})

describe("a template that its Schema does not fit", () => {
  it.effect.each([
    ["Dear {{nmae}}", ["unknown-variable order.mustache:1:6"]],
    ["a\n  {{#itmes}}{{/itmes}}", ["unknown-section order.mustache:2:3"]],
    ["{{^itmes}}{{/itmes}}", ["unknown-section order.mustache:1:1"]],
    ["{{#items}}\n{{titel}}\n{{/items}}", ["unknown-variable order.mustache:2:1"]],
    ["{{title}}", ["unknown-variable order.mustache:1:1"]],
    ["{{address.street}}", ["unknown-variable order.mustache:1:1"]],
    ["{{items.title}}", ["unknown-variable order.mustache:1:1"]],
    ["{{name.length}}", ["unknown-variable order.mustache:1:1"]],
    ["{{constructor}}{{toString}}", ["unknown-variable order.mustache:1:1", "unknown-variable order.mustache:1:16"]],
    ["{{#tags}}{{length}}{{/tags}}", ["unknown-variable order.mustache:1:10"]],
    ["{{items}}", ["not-text order.mustache:1:1"]],
    ["{{address}}", ["not-text order.mustache:1:1"]],
    ["{{.}}", ["not-text order.mustache:1:1"]],
    ["{{#items}}{{.}}{{/items}}", ["not-text order.mustache:1:11"]],
    ["{{> footer}}", ["unknown-partial order.mustache:1:1"]],
    ["{{name}", ["unclosed-tag order.mustache:1:1"]],
    ["a\nb {{#items}}\n{{title}}\n", ["unbalanced-section order.mustache:2:3"]],
    ["a {{/items}}", ["unbalanced-section order.mustache:1:3"]],
    ["{{#items}}{{#tags}}{{/items}}", ["unbalanced-section order.mustache:1:11"]],
    ["{{#items}}{{/tags}}{{/items}}", ["unbalanced-section order.mustache:1:11"]],
    ["{{=<% %>=}}\n<%#items%>", ["unbalanced-section order.mustache:2:1"]],
    ["{{= =}}", ["not-a-tag order.mustache:1:1"]],
    ["{{}}", ["unknown-variable order.mustache:1:1"]],
    [
      "{{a}}\n{{#b}}{{/b}}\n{{> c}}",
      [
        "unknown-partial order.mustache:3:1",
        "unknown-variable order.mustache:1:1",
        "unknown-section order.mustache:2:1"
      ]
    ],
    ["\n    a\n    {{b}}\n  ", ["unknown-variable order.mustache:3:5"]]
  ] as const)("%j", ([text, expected]) =>
    Effect.map(problemsOf(Order, text), (problems) => expect(problems).toEqual(expected))
  )

  it.effect("says what there is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Template.parse(Order, "Hello,\n{{#items}}{{titel}}{{/items}}", { file: "order.mustache" })
      )
      expect(error).toMatchObject({
        _tag: "TemplateError",
        kind: "unknown-variable",
        file: "order.mustache",
        line: 2,
        column: 11
      })
      expect(error.message).toBe(
        "order.mustache:2:11 the Schema has no titel here: it has title, price, sold, name, age, member, tags, rows, address, items"
      )
    })
  )

  it.effect("names the partials that were given, and places in them", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Template.parse(Order, "{{> haeder}}\n{{> header}}", { partials: { header: "\n {{nmae}}", footer: "" } })
      )
      expect(error.message).toBe(
        [
          "1:1 there is no partial haeder: given are header, footer; no other partials were given",
          "header:2:2 the Schema has no nmae here: it has name, age, member, tags, rows, address, items"
        ].join("\n")
      )
      expect(yield* problemsOf(Order, "{{> p}}", { p: "a {{#items}}" })).toEqual(["unbalanced-section p:1:3"])
      expect(yield* problemsOf(Order, "{{> constructor}}")).toEqual(["unknown-partial order.mustache:1:1"])
    })
  )

  it.effect("refuses what is no text and what is no section by its type", () =>
    Effect.gen(function* () {
      const schema = Schema.Struct({
        at: Schema.Date,
        secret: Schema.RedactedFromSelf(Schema.String),
        any: Schema.Unknown,
        maybe: Schema.OptionFromSelf(Schema.String),
        either: Schema.Union(Schema.String, Schema.Array(Schema.String))
      })
      expect(yield* problemsOf(schema, "{{at}}{{secret}}{{any}}{{maybe}}{{either}}")).toHaveLength(5)
      expect(yield* problemsOf(schema, "{{#any}}{{/any}}{{#maybe}}{{/maybe}}")).toEqual([
        "not-a-section order.mustache:1:1",
        "not-a-section order.mustache:1:17"
      ])
    })
  )

  it.effect.prop(
    "never throws, and gives a place inside of the text",
    [fc.stringMatching(/^[a{}#^/>! =<%\n]{0,20}$/)],
    ([text]) =>
      Effect.gen(function* () {
        const result = yield* Effect.either(Template.parse(Schema.Struct({ a: Schema.String }), text)).pipe(
          Effect.provide(quiet)
        )
        if (Either.isLeft(result)) {
          for (const { column, line } of result.left.problems) {
            expect(line).toBeLessThanOrEqual(text.split("\n").length)
            expect(column).toBeLessThanOrEqual((text.split("\n")[line - 1] ?? "").length)
          }
        } else expect(result.right.render({ a: "x" })).toBe(mustache.render(Template.dedent(text), { a: "x" }))
      })
  )
})

describe("partials that include themselves", () => {
  interface Tree {
    readonly name: string
    readonly children: ReadonlyArray<Tree>
  }
  const Tree = Schema.Struct({
    name: Schema.String,
    children: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
  })
  const leaf = (name: string, ...children: ReadonlyArray<Tree>): Tree => ({ name, children })

  it.effect("go as deep as the data", () =>
    Effect.gen(function* () {
      const template = yield* Template.parse(Tree, "{{> node}}", {
        partials: { node: "- {{name}}\n{{#children}}\n  {{> node}}\n{{/children}}\n" }
      })
      expect(template.render(leaf("a", leaf("b", leaf("c")), leaf("d")))).toBe("- a\n  - b\n    - c\n  - d\n")
    })
  )

  it.effect("are refused where they never end", () =>
    Effect.gen(function* () {
      const endless = ["endless-partial p:1:1"]
      expect(yield* problemsOf(Tree, "{{> p}}{{name}}{{children.x}}", { p: "{{> p}}" })).toEqual([
        ...endless,
        "unknown-variable order.mustache:1:16"
      ])
      expect(yield* problemsOf(Order, "{{> p}}", { p: "{{#member}}{{> p}}{{/member}}" })).toEqual([
        "endless-partial p:1:12"
      ])
      expect(yield* problemsOf(Order, "{{> p}}", { p: "{{#tags}}{{> p}}{{/tags}}" })).toEqual([
        "endless-partial p:1:10"
      ])
      expect(yield* problemsOf(Order, "{{> p}}", { p: "{{> q}}", q: "{{> p}}" })).toEqual(["endless-partial q:1:1"])
    })
  )

  it.effect("stop at data that goes in a circle", () =>
    Effect.gen(function* () {
      const template = yield* Template.parse(Tree, "{{> p}}", {
        partials: { p: "{{name}}{{#children}}{{> p}}{{/children}}" }
      })
      const children: Array<Tree> = []
      const circle = { name: "a", children }
      children.push(circle)
      expect(() => template.render(circle)).toThrow(expect.objectContaining({ kind: "endless-partial" }))
      expect(template.render(leaf("a", leaf("b")))).toBe("ab")
    })
  )
})

describe("a template from a file", () => {
  const texts: Readonly<Record<string, string>> = {
    "prompts/order.mustache": "\uFEFFDear {{name}},\n{{> items/list}}\n{{> sign}}\n",
    "prompts/items/list.mustache": "{{#items}}\n- {{title}}\n{{/items}}\n",
    "prompts/sign.mustache": "from a file",
    "prompts/bad.mustache": "Hello\n{{> items/bad}}{{> ../secret}}{{> gone}}",
    "prompts/items/bad.mustache": "{{#items}}\n{{titel}}\n{{/items}}",
    "secret.mustache": "secret",
    plain: "{{> sign}}",
    sign: "no extension"
  }
  const files = FileSystem.layerNoop({
    exists: (path) => Effect.succeed(path in texts),
    readFileString: (path) => {
      const text = texts[path]
      return text === undefined
        ? Effect.fail(
            new SystemError({ reason: "NotFound", module: "FileSystem", method: "readFile", pathOrDescriptor: path })
          )
        : Effect.succeed(text)
    }
  })
  const load = (path: string, partials: Readonly<Record<string, string>> = {}) =>
    Template.load(Order, path, { partials }).pipe(Effect.provide(Layer.merge(files, quiet)))

  it.effect("finds its partials beside it, unless they are given", () =>
    Effect.gen(function* () {
      expect((yield* load("prompts/order.mustache")).render(order)).toBe("Dear Ada,\n- Pen\n- Ink\nfrom a file")
      expect((yield* load("prompts/order.mustache", { sign: "given\n" })).render(order)).toContain("given")
      expect((yield* load("plain")).render(order)).toBe("no extension")
    })
  )

  it.effect("gives the file, the line and the column of all that is wrong", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load("prompts/bad.mustache", { footer: "" }))
      expect(error.message.split("\n")).toEqual([
        "prompts/bad.mustache:2:16 there is no partial ../secret: given are footer; its name is no file name",
        "prompts/bad.mustache:2:31 there is no partial gone: given are footer; there is no prompts/gone.mustache",
        "prompts/items/bad.mustache:2:1 the Schema has no titel here: it has title, price, sold, name, age, member, tags, rows, address, items"
      ])
    })
  )

  it.effect("that is not there is the error of the file system", () =>
    Effect.map(Effect.flip(load("prompts/none.mustache")), (error) => expect(error._tag).toBe("SystemError"))
  )
})
