internal import Bytes
internal import Keys
internal import Records

/// A clinic: the keys of its tokens and of its values without a subject. A token is an HMAC under the index key of a
/// word for what it stands for and the name; so equal names of different kinds have different tokens.
final class Tenant {
    let id: UInt32
    let name: String
    let sealingKey: SecretKey
    private let index: MACKey
    /// Tokens of references, which recur; emptied when it is full.
    private var references: [String: UInt64] = [:]
    private var texts: [UInt64: String] = [:]
    /// The actor asked about last: most requests come by few credentials.
    private var lastActor: (name: String, token: UInt64)?

    init(id: UInt32, name: String, indexKey: SecretKey, sealingKey: SecretKey) {
        self.id = id
        self.name = name
        self.sealingKey = sealingKey
        index = MACKey(indexKey)
    }

    private enum Kind: UInt8 {
        case stream = 1
        case identity = 2
        case reference = 3
        case actor = 4
        case type = 5
        case idempotency = 6
    }

    func stream(_ name: StreamName) -> Token128 { stream(name.category, id: name.id) }

    func stream(_ category: Category, id: String) -> Token128 {
        var mac = MAC(key: index)
        mac.update(u8: Kind.stream.rawValue)
        mac.update(u8: category.rawValue)
        mac.update(id)
        return mac.finishToken()
    }

    /// What stands for a source and an id, for ever.
    func identity(source: String, id: String) -> Token128 { pair(.identity, source, id) }

    /// What stands for a credential's Idempotency-Key.
    func idempotency(credential: String, key: String) -> Token128 { pair(.idempotency, credential, key) }

    /// A reference such as `Practitioner/pr-7`, of a resource or on whose behalf somebody acts; never 0.
    func reference(_ text: String) -> UInt64 {
        if let known = references[text] { return known }
        if references.count >= 4096 {
            references.removeAll(keepingCapacity: true)
            texts.removeAll(keepingCapacity: true)
        }
        let token = short(.reference, text)
        references[text] = token
        texts[token] = text
        return token
    }

    /// The reference that a token stands for, if it was asked about not long ago.
    func referenceText(_ token: UInt64) -> String? { texts[token] }

    /// The name of a credential; never 0.
    func actor(_ name: String) -> UInt64 {
        if let lastActor, lastActor.name == name { return lastActor.token }
        let token = short(.actor, name)
        lastActor = (name, token)
        return token
    }

    /// The name of a type outside the vocabulary; never 0.
    func type(_ name: String) -> UInt64 { short(.type, name) }

    private func pair(_ kind: Kind, _ first: String, _ second: String) -> Token128 {
        var mac = MAC(key: index)
        mac.update(u8: kind.rawValue)
        mac.update(u32: UInt32(truncatingIfNeeded: first.utf8.count))
        mac.update(first)
        mac.update(second)
        return mac.finishToken()
    }

    private func short(_ kind: Kind, _ text: String) -> UInt64 {
        var mac = MAC(key: index)
        mac.update(u8: kind.rawValue)
        mac.update(text)
        let low = mac.finishToken().low
        return low == 0 ? 1 : low
    }
}
