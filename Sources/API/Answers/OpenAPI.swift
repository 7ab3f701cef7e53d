/// `/openapi.json`.
package enum OpenAPI {
    package static let document: [UInt8] = Array("{}".utf8)
}
