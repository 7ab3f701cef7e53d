internal import Bytes

/// The opened frames asked for lately, bounded by count and by bytes. A frame's place is its index modulo the count,
/// so neighbours, which are read together, never push each other out.
struct FrameCache {
    private var places: [OpenedFrame?]
    private let bytesMax: Int
    private var bytes = 0

    init(countMax: Int, bytesMax: Int) {
        places = Array(repeating: nil, count: max(1, countMax))
        self.bytesMax = bytesMax
    }

    func frame(_ index: UInt64) -> OpenedFrame? {
        guard let frame = places[place(of: index)], frame.header.index == index else { return nil }
        return frame
    }

    mutating func put(_ frame: OpenedFrame) {
        let place = place(of: frame.header.index)
        drop(place)
        guard frame.body.count <= bytesMax / 4 else { return }
        // Beyond the bound the places after this one go first: they were filled longest ago when reading upwards.
        var next = place
        while bytes + frame.body.count > bytesMax {
            next = (next + 1) % places.count
            drop(next)
        }
        places[place] = frame
        bytes += frame.body.count
    }

    /// Forgets the frames after an index.
    mutating func cut(after index: UInt64) {
        for place in places.indices where places[place].map({ $0.header.index > index }) == true { drop(place) }
    }

    private mutating func drop(_ place: Int) {
        bytes -= places[place]?.body.count ?? 0
        places[place] = nil
    }

    private func place(of index: UInt64) -> Int { Int(index % UInt64(places.count)) }
}
