internal import Bytes
internal import Keys

/// Seals and opens pages of this room's files: AES-256-GCM under the snapshot key with a random nonce, bound to the
/// cluster, the file's kind and number, the page's number and what the page is. A page moved, repeated, or taken from
/// another file does not open, and neither does a file whose last page is missing.
struct PageSeal {
    enum FileKind: UInt8 {
        case snapshot = 1
        case run = 2
    }

    let kind: FileKind
    let number: UInt64
    let name: String
    let clusterID: [UInt8]
    let key: SecretKey
    let crypto: Crypto

    func seal(
        _ plain: [UInt8], page: Int, role: UInt8, dice: inout some Dice, onto sealed: inout [UInt8]
    ) throws(ViewError) {
        do {
            try crypto.seal(
                plain, in: 0..<plain.count, key: key, nonce: dice.bytes(Crypto.nonceBytes),
                associated: associated(page, role), onto: &sealed)
        } catch { throw .key(error) }
    }

    func open(_ sealed: [UInt8], in range: Range<Int>, page: Int, role: UInt8) throws(ViewError) -> [UInt8] {
        var plain: [UInt8] = []
        do {
            try crypto.open(sealed, in: range, key: key, associated: associated(page, role), onto: &plain)
        } catch .failed { throw .key(.failed) } catch { throw .damaged(file: name, page: page) }
        return plain
    }

    private func associated(_ page: Int, _ role: UInt8) -> [UInt8] {
        var writer = ByteWriter(reserving: 48)
        writer.append(Array("chartlog views 1".utf8))
        writer.u8(kind.rawValue)
        writer.u8(role)
        writer.counted(clusterID)
        writer.u64(number)
        writer.u64(UInt64(page))
        return writer.bytes
    }
}
