package import Bytes
internal import Files
package import Keys

/// The beginning of a log, and of each of its lives.
extension EntryLog {
    /// Makes the first segment of a cluster that descends from no other, with its one frame: index 1, positions and records as the draft says. Everything is
    /// durable on return, or nothing bears the segment's name.
    ///
    /// - Throws: `.exists` when the directory holds a segment.
    package static func create(
        store: Store, directory: String, identity: ClusterIdentity, genesis: FrameDraft, keys: KeyRing, crypto: Crypto,
        dice: inout some Dice, configuration: LogConfiguration = LogConfiguration()
    ) throws(LogError) {
        let header = SegmentHeader(
            cluster: identity,
            description: SegmentDescription(
                segment: 1, firstIndex: 1, keyEpoch: keys.logEpoch, slots: configuration.slotsMin,
                bodyCapacity: configuration.bodyCapacity, salt: Digest(dice.bytes(32))),
            firstPosition: genesis.firstPosition, firstRecord: genesis.firstRecord,
            stampBefore: ChainEnd.start.stamp, previousHash: .zero)
        var end = ChainEnd(before: header)
        var bodies: [UInt8] = []
        let sealed: (header: FrameHeader, bytes: [UInt8])
        guard genesis.body.count + FrameCodec.overhead(opensSegment: true) <= configuration.bodyCapacity else {
            throw .tooLarge
        }
        do throws(KeyError) {
            sealed = try FrameCodec.seal(
                genesis, after: end, in: header, key: try keys.segmentKey(header), crypto: crypto, dice: &dice,
                onto: &bodies)
        } catch {
            throw .key(error)
        }
        end.pass(
            sealed.header,
            hash: FrameCodec.hash(header: sealed.bytes, in: 0..<sealed.bytes.count, leaves: genesis.leaves))
        try FirstFrame.make(
            header, frame: StoredFrame(header: sealed.bytes, body: bodies), hash: end.hash, in: directory, of: store)
    }

    /// Opens a log as the last life left it; cuts a torn tail. A damaged log opens too: read what stands before the
    /// damage.
    ///
    /// - Throws: `.missing`, `.otherCluster`, `.damaged` when not even the first frame is whole, `.lineage(.other)` when
    ///   whole segments change hands elsewhere than the lineage says, `.key`, `.file`.
    package static func open(
        store: Store, directory: String, lineage: Lineage, keys: KeyRing, crypto: Crypto, leaves: Leaves,
        configuration: LogConfiguration = LogConfiguration()
    ) throws(LogError) -> (log: EntryLog, recovery: Recovery) {
        var opener = LogOpener(
            store: store, directory: directory, lineage: lineage, keys: keys, crypto: crypto, leafReader: leaves,
            configuration: configuration)
        let opened = try opener.open()
        let log = EntryLog(
            opened: opened, store: store, directory: directory, lineage: lineage, keys: keys, crypto: crypto,
            leafReader: leaves, configuration: configuration)
        return (log, opened.recovery)
    }

    /// As above, of a cluster that descends from no other.
    package static func open(
        store: Store, directory: String, identity: ClusterIdentity, keys: KeyRing, crypto: Crypto, leaves: Leaves,
        configuration: LogConfiguration = LogConfiguration()
    ) throws(LogError) -> (log: EntryLog, recovery: Recovery) {
        try open(
            store: store, directory: directory, lineage: Lineage(identity), keys: keys, crypto: crypto, leaves: leaves,
            configuration: configuration)
    }
}
