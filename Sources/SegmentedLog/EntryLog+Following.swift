internal import Bytes
internal import Keys

/// Copies of neighbouring frames whose headers are all gone: nothing on the disk names the first of them alone, but each
/// names the one before it, and whatever survives behind them names the last.
struct HeaderRun {
    /// Of the copies, each following from the one before, the first from the last whole frame of the log.
    private(set) var headers: [FrameHeader] = []
    /// After the last of them.
    private(set) var end: ChainEnd
    /// That the last of them stands in.
    private(set) var segment: (header: SegmentHeader, key: SecretKey)
    /// The disk names the last of them, so these are the frames that stood there.
    var isNamed = false

    init(after end: ChainEnd, in segment: (header: SegmentHeader, key: SecretKey)) {
        self.end = end
        self.segment = segment
    }

    mutating func append(_ header: FrameHeader, hash: Digest, in segment: (header: SegmentHeader, key: SecretKey)) {
        headers.append(header)
        end.pass(header, hash: hash)
        self.segment = segment
    }

    /// nil when the run does not reach there.
    func header(at index: UInt64) -> FrameHeader? {
        guard let first = headers.first?.index, index >= first, index - first < UInt64(headers.count) else {
            return nil
        }
        return headers[Int(index - first)]
    }
}

extension EntryLog {
    /// Follows a peer's copies from where the log ends in damage, link by link, until something that survives on this
    /// disk names one of them. A header holds the hash of the frame before, so then all of them are what stood here, and
    /// `repair` takes each. Changes nothing on the disk, and keeps of the copies only their headers: those that do not
    /// go into one answer may come one after the other, as `wanted` asks for them. A new life begins anew.
    ///
    /// What does not follow ends the run, as does an answer without what comes next: it begins again with a copy of the
    /// first damaged frame, which may be one by then whose sender knows it committed.
    ///
    /// - Returns: whether the copies led further: their sender is whom to ask for those after them.
    /// - Throws: `.file`, `.key`: final.
    package func follow(_ copies: [StoredFrame]) throws(LogError) -> Bool {
        guard let fault, fault.index == end.nextIndex, run?.isNamed != true else { return false }
        var isFurther = false
        for copy in copies {
            guard let header = try? copy.parsed() else { break }
            if header.index == fault.index {
                run = HeaderRun(after: end, in: (segments[segments.count - 1].header, tailKey))
            }
            guard var longer = run, header.index == longer.end.nextIndex else { continue }
            run = nil
            do throws(LogError) {
                let segment = try segment(for: header, copy.body, after: longer.end, in: longer.segment)
                let (_, hash) = try open(copy, header, after: longer.end, in: segment.header, key: segment.key)
                let path = path(of: header.segment)
                longer.isNamed = try identify(header, hash, after: longer.end, in: segment.header, path).isNamed
                longer.append(header, hash: hash, in: segment)
                run = longer
                isFurther = true
                if longer.isNamed { break }
            } catch {
                switch error {
                case .file, .key: throw error
                case .otherFrame, .refusedFrame, .damaged, .absent, .missing, .exists, .otherCluster, .otherReplica,
                    .tooLarge, .lineage:
                    return false
                }
            }
        }
        if !isFurther { run = nil }
        return isFurther
    }
}
