private import JSON
private import Linux

/// Where a server listens: `https://host:port`.
package struct Endpoint: Hashable, Sendable {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// nil when the text is no `https://` URL of a host and a port without a path. IPv6 addresses stand in brackets.
    package init?(_ url: String) {
        guard url.hasPrefix("https://") else { return nil }
        var rest = Substring(url.dropFirst(8))
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard !rest.contains("/"), !rest.contains("?"), !rest.contains("@") else { return nil }
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            rest = rest[end...]
        }
        if rest.isEmpty {
            port = 443
        } else {
            guard rest.hasPrefix(":"), let number = Int(rest.dropFirst()), (1...65_535).contains(number) else {
                return nil
            }
            port = number
        }
        guard !host.isEmpty else { return nil }
    }

    /// As it stands in a Host field.
    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Who asks whom and why: the JSON that `init` writes as `DIR/admin.context` and `DIR/service.context`.
///
///     {"endpoints": ["https://127.0.0.1:7401"], "ca": "ca.pem", "key": "ID.SECRET", "purpose": "TREAT"}
package struct ContextFile: Sendable {
    package var endpoints: [Endpoint]
    /// The PEM text of the authority.
    package var authority: [UInt8]
    /// `ID.SECRET`.
    package var key: String
    /// A PurposeOfUse code; nil when the file says none.
    package var purpose: String?

    package init(endpoints: [Endpoint], authority: [UInt8], key: String, purpose: String?) {
        self.endpoints = endpoints
        self.authority = authority
        self.key = key
        self.purpose = purpose
    }

    /// Reads the file and the authority it names by a path relative to it. The file holds a secret: it is refused
    /// when its group or others may do anything with it.
    package static func read(_ path: String) throws(ClientError) -> ContextFile {
        let bytes: [UInt8]
        do throws(LinuxError) {
            bytes = try SmallFile.readSecret(path)
        } catch {
            throw .badContext(
                error.isMissing
                    ? "The context file is missing; `chartlog init DIR` writes DIR/service.context."
                    : "The context file cannot be read, or others than its owner may read it (chmod 600).")
        }
        let text: JSONText
        do throws(JSONError) { text = try JSONText(parsing: bytes) } catch {
            throw .badContext("The context file is not JSON.")
        }
        let view = text.view
        let listed = view["endpoints"]?.elements.map { $0.string.flatMap { Endpoint($0) } } ?? []
        let endpoints = listed.compactMap { $0 }
        guard !endpoints.isEmpty, endpoints.count == listed.count else {
            throw .badContext("The context file needs endpoints such as https://127.0.0.1:7401.")
        }
        guard let key = view["key"]?.string, key.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), !key.isEmpty else {
            throw .badContext("The context file needs a key, ID.SECRET.")
        }
        guard let authorityPath = view["ca"]?.string else { throw .badContext("The context file needs a ca.") }
        let beside = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        guard
            let authority = try? SmallFile.read(authorityPath.hasPrefix("/") ? authorityPath : beside + authorityPath)
        else { throw .badContext("The ca file that the context file names cannot be read.") }
        return ContextFile(endpoints: endpoints, authority: authority, key: key, purpose: view["purpose"]?.string)
    }
}
