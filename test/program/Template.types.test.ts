import type { Error, FileSystem } from "@effect/platform"
import { assertType, describe, expectTypeOf, it } from "@effect/vitest"
import { type Effect, Schema } from "effect"
import { type Prompt, Template } from "effect-llm"

// What the compiler takes or refuses is written inside of functions that nobody runs.

declare const text: string
declare const name: string

describe("the types of templates", () => {
  it("have the variables of the literal: several, repeated, spaced, none", () => {
    assertType(() => {
      expectTypeOf(Template.make("Dear {{name}}")).toEqualTypeOf<Template.Template<{ readonly name: Template.Value }>>()
      expectTypeOf(Template.make("{{ a }}{{b}}\n{{\n a\t}}{{café}}{{snake_case-2}}")).toEqualTypeOf<
        Template.Template<{
          readonly a: Template.Value
          readonly b: Template.Value
          readonly café: Template.Value
          readonly "snake_case-2": Template.Value
        }>
      >()
      expectTypeOf(Template.make('Nothing but {"json": {"is": "fine"}}')).toEqualTypeOf<Template.Template<{}>>()
      const constant = "Dear {{name}}" as const
      expectTypeOf(Template.make(constant)).toEqualTypeOf<Template.Template<{ readonly name: Template.Value }>>()
    })
  })

  it("take every variable, and nothing else", () => {
    const letter = Template.make("Dear {{name}}, you are {{age}}.")
    assertType(() => letter.render({ name: "Ada", age: 36 }))
    assertType(() => letter.render({ name: "Ada", age: true }))
    // @ts-expect-error age is missing
    assertType(() => letter.render({ name: "Ada" }))
    // @ts-expect-error all are missing
    assertType(() => letter.render())
    // @ts-expect-error there is no city
    assertType(() => letter.render({ name: "Ada", age: 36, city: "London" }))
    // @ts-expect-error a list is no text
    assertType(() => letter.render({ name: "Ada", age: [36] }))
    // @ts-expect-error nor is nothing
    assertType(() => letter.render({ name: "Ada", age: undefined }))
    // @ts-expect-error nor null
    assertType(() => letter.render({ name: "Ada", age: null }))
  })

  it("take nothing where there is nothing to give", () => {
    const fixed = Template.make("Good morning")
    assertType(() => [fixed.render(), fixed.render({})])
    // @ts-expect-error there is no name
    assertType(() => fixed.render({ name: "Ada" }))
  })

  it("refuse a text whose variables are not known", () => {
    // @ts-expect-error a string may hold anything
    assertType(() => Template.make(text))
    // @ts-expect-error what is put in by ${} would become part of the template
    assertType(() => Template.make(`Dear ${name}`))
    // @ts-expect-error also beside a variable
    assertType(() => Template.make(`Dear ${name}, {{greeting}}`))
    // @ts-expect-error a template is a text
    assertType(() => Template.make(42))
  })

  it("refuse tags that are no variables, and tags that are not closed", () => {
    // @ts-expect-error a section
    assertType(() => Template.make("{{#items}}{{name}}{{/items}}"))
    // @ts-expect-error a partial
    assertType(() => Template.make("{{> footer}}"))
    // @ts-expect-error three braces
    assertType(() => Template.make("{{{name}}}"))
    // @ts-expect-error no name
    assertType(() => Template.make("{{ }}"))
    // @ts-expect-error two words
    assertType(() => Template.make("Dear {{first name}}"))
    // @ts-expect-error a field of a variable
    assertType(() => Template.make("Dear {{user.name}}"))
    // @ts-expect-error not closed
    assertType(() => Template.make("Dear {{name"))
    // @ts-expect-error not closed, behind one that is
    assertType(() => Template.make("Dear {{name}}, {{age}"))
  })
})

describe("the types of templates of messages", () => {
  it("have the variables of all messages", () => {
    const advice = Template.chat(Template.system("You are {{who}}."), Template.user("{{question}} {{who}}"))
    assertType(() => {
      expectTypeOf(advice).toEqualTypeOf<
        Template.ChatTemplate<{ readonly who: Template.Value; readonly question: Template.Value }>
      >()
      expectTypeOf(advice.render({ who: "a cook", question: "Why?" })).toEqualTypeOf<Prompt.Prompt>()
      return Template.chat(Template.system("Be kind."), Template.user("Hello")).render()
    })
    // @ts-expect-error question is missing
    assertType(() => advice.render({ who: "a cook" }))
    // @ts-expect-error there is no city
    assertType(() => advice.render({ who: "a cook", question: "Why?", city: "London" }))
    // @ts-expect-error a string may hold anything
    assertType(() => Template.user(text))
    // @ts-expect-error a section
    assertType(() => Template.system("{{#a}}b{{/a}}"))
  })
})

describe("the types of templates from files", () => {
  it("have the variables of the Schema", () => {
    const Order = Schema.Struct({
      name: Schema.String,
      items: Schema.Array(Schema.Struct({ title: Schema.String })),
      count: Schema.NumberFromString,
      note: Schema.optional(Schema.String)
    })
    assertType(() => {
      const parsed = Template.parse(Order, text)
      expectTypeOf(parsed).toEqualTypeOf<Effect.Effect<Template.Template<typeof Order.Type>, Template.TemplateError>>()
      expectTypeOf(Template.load(Order, "order.mustache")).toEqualTypeOf<
        Effect.Effect<
          Template.Template<typeof Order.Type>,
          Template.TemplateError | Error.PlatformError,
          FileSystem.FileSystem
        >
      >()
    })
    const template = {} as Template.Template<typeof Order.Type>
    assertType(() => template.render({ name: "Ada", items: [{ title: "a" }], count: 1 }))
    // @ts-expect-error items is missing
    assertType(() => template.render({ name: "Ada", count: 1 }))
    // @ts-expect-error a list of titles
    assertType(() => template.render({ name: "Ada", items: ["a"], count: 1 }))
    assertType(() => {
      const chat = Template.chat(Template.message("system", template), Template.user("{{question}}"))
      return chat.render({ name: "Ada", items: [], count: 1, question: "Why?" })
    })
  })
})
