import JSON
import Records

/// `/openapi.json`: an OpenAPI 3.1 document of what this server does, made from the table of paths, the list of
/// problems and the search parameters themselves, so that it cannot list what is not there.
package enum OpenAPI {
    package static let document: [UInt8] = {
        var writer = JSONWriter(reserving: 64 << 10)
        writer.object { writer in
            writer.member("openapi", "3.1.0")
            writer.member("jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema")
            writer.object("info") { writer in
                writer.member("title", "Chartlog")
                writer.member("version", "1")
                writer.member(
                    "description",
                    "A records store for clinics: every change is an append-only encrypted event (CloudEvents 1.0), "
                        + "the views are FHIR R4, errors are RFC 9457 problems.")
                writer.object("license") { writer in
                    writer.member("name", "Apache-2.0")
                    writer.member("identifier", "Apache-2.0")
                }
            }
            writer.array("servers") { writer in writer.object { writer in writer.member("url", "/") } }
            writer.array("security") { writer in
                writer.object { writer in writer.array("apiKey") { _ in } }
            }
            writer.object("paths") { writer in
                for place in Router.templates { path(place.path, place.methods, &writer) }
            }
            writer.object("components") { writer in
                writer.object("securitySchemes") { writer in
                    writer.object("apiKey") { writer in
                        writer.member("type", "http")
                        writer.member("scheme", "bearer")
                        writer.member("description", "Authorization: Bearer ID.SECRET, as a context file holds it.")
                    }
                }
                writer.object("parameters") { writer in
                    for parameter in Parameter.all { parameter.write(&writer) }
                }
                writer.object("responses") { writer in problemResponses(&writer) }
                writer.object("schemas") { writer in OpenAPISchemas.write(&writer) }
            }
        }
        return writer.bytes
    }()

    private static func path(_ path: String, _ methods: [String], _ writer: inout JSONWriter) {
        writer.object(path) { writer in
            for method in methods {
                let operation = Operation(path, method)
                writer.object(method.lowercased()) { writer in write(operation, &writer) }
            }
        }
    }

    private static func write(_ operation: Operation, _ writer: inout JSONWriter) {
        writer.member("operationId", operation.id)
        writer.member("summary", operation.summary)
        if !operation.needsCredential { writer.array("security") { _ in } }
        writer.array("parameters") { writer in
            for name in operation.parameters {
                writer.object { writer in writer.member("$ref", "#/components/parameters/" + name) }
            }
        }
        if !operation.requestTypes.isEmpty {
            writer.object("requestBody") { writer in
                writer.object("content") { writer in
                    for (type, schema) in operation.requestTypes { content(type, schema, &writer) }
                }
            }
        }
        writer.object("responses") { writer in
            for (status, description) in operation.successes {
                writer.object(status) { writer in
                    writer.member("description", description)
                    guard status != "304" else { return }
                    writer.object("content") { writer in
                        for (type, schema) in operation.answerTypes { content(type, schema, &writer) }
                    }
                }
            }
            for status in operation.problemStatuses {
                let name = operation.isFHIR ? "Outcome\(status)" : "Problem\(status)"
                writer.object(String(status)) { writer in writer.member("$ref", "#/components/responses/" + name) }
            }
        }
    }

    private static func content(_ type: String, _ schema: String, _ writer: inout JSONWriter) {
        writer.object(type) { writer in
            writer.object("schema") { writer in
                if schema == "text" {
                    writer.member("type", "string")
                } else if schema == "any" {
                    // JSON Schema: true would do, an empty schema reads better.
                } else {
                    writer.member("$ref", "#/components/schemas/" + schema)
                }
            }
        }
    }

    /// Every status that a problem has, with the problems that have it.
    private static func problemResponses(_ writer: inout JSONWriter) {
        for status in statuses {
            let kinds = ProblemKind.allCases.filter { $0.status == status }
            let names = kinds.map(\.rawValue).joined(separator: ", ")
            for (prefix, type, schema) in [
                ("Problem", "application/problem+json", "Problem"),
                ("Outcome", "application/fhir+json", "OperationOutcome"),
            ] {
                writer.object(prefix + String(status)) { writer in
                    writer.member("description", names)
                    writer.object("content") { writer in content(type, schema, &writer) }
                    writer.array("x-problems") { writer in
                        for kind in kinds { writer.string(ProblemWriter.typePrefix + kind.rawValue) }
                    }
                }
            }
        }
    }

    static let statuses: [Int] = {
        var statuses: [Int] = []
        for kind in ProblemKind.allCases where !statuses.contains(kind.status) { statuses.append(kind.status) }
        return statuses.sorted()
    }()
}
