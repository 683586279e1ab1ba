export * as UndiciHttpClient from "./UndiciHttpClientNode.js"
