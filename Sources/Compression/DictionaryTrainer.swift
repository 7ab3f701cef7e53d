internal import Bytes

/// Picks, out of sample values, the text that serves best as a dictionary of a given size.
///
/// The greedy cover of Liao, Petri, Moffat and Wirth ("Effective Construction of Relative Lempel-Ziv Dictionaries",
/// 2016), as zstd's trainer uses it: count how many samples hold each run of eight bytes; cut the samples into as many
/// epochs as the dictionary has segments; of each epoch take the segment whose runs are worth most and not covered
/// yet. Runs that the dictionary holds count nothing any more. The same samples give the same bytes everywhere.
package enum DictionaryTrainer {
    /// Bytes of a run that counts as one.
    private static let runBytes = 8

    /// A dictionary of `count` bytes (fewer when the samples do not hold as much that repeats), made of segments of
    /// up to `segmentBytes`. What is worth most stands last.
    ///
    /// - Precondition: `count` is at most 64 KiB, the reach of LZ4; `segmentBytes` at least 16.
    package static func dictionary(
        from samples: [[UInt8]], count: Int, segmentBytes: Int
    ) -> [UInt8] {
        precondition(count <= 65_536 && segmentBytes >= 16)
        var worth = worths(of: samples)
        var picked: [Segment] = []
        var bytes = 0
        let epochs = max(1, count / segmentBytes)
        let perEpoch = max(1, (samples.count + epochs - 1) / epochs)
        while bytes < count {
            let before = bytes
            for first in stride(from: 0, to: samples.count, by: perEpoch) where bytes < count {
                let epoch = first..<min(first + perEpoch, samples.count)
                let length = min(segmentBytes, count - bytes)
                guard length >= 16,
                    let best = bestSegment(in: samples, epoch, worth: worth, length: length)
                else { continue }
                for start in best.runs { worth[run(samples[best.sample], at: start)] = 0 }
                picked.append(best)
                bytes += best.count
            }
            if bytes == before { break }
        }
        picked.sort { ($0.worth, $0.sample, $0.start) < ($1.worth, $1.sample, $1.start) }
        var dictionary: [UInt8] = []
        dictionary.reserveCapacity(count)
        for segment in picked {
            dictionary.append(contentsOf: samples[segment.sample][segment.start..<(segment.start + segment.count)])
        }
        return dictionary
    }

    /// A stretch of one sample and what its runs are worth.
    private struct Segment {
        var sample: Int
        var start: Int
        var count: Int
        var worth: Int

        var runs: Range<Int> { start..<(start + count - runBytes + 1) }
    }

    /// In how many samples each run stands, less the one it was found in: what stands once helps nobody.
    private static func worths(of samples: [[UInt8]]) -> [UInt64: Int] {
        var seen: [UInt64: (count: Int, last: Int)] = [:]
        for (number, sample) in samples.enumerated() where sample.count >= runBytes {
            for start in 0...(sample.count - runBytes) {
                let key = run(sample, at: start)
                if let found = seen[key] {
                    if found.last != number { seen[key] = (found.count + 1, number) }
                } else {
                    seen[key] = (0, number)
                }
            }
        }
        return seen.mapValues(\.count)
    }

    private static func bestSegment(
        in samples: [[UInt8]], _ epoch: Range<Int>, worth: [UInt64: Int], length: Int
    ) -> Segment? {
        var best = Segment(sample: 0, start: 0, count: 0, worth: 0)
        for number in epoch where samples[number].count >= 16 {
            let sample = samples[number]
            let worths = (0...(sample.count - runBytes)).map { worth[run(sample, at: $0)] ?? 0 }
            let width = min(length, sample.count) - runBytes + 1
            var sum = worths[0..<width].reduce(0, +)
            var start = 0
            while true {
                if sum > best.worth {
                    best = Segment(sample: number, start: start, count: width + runBytes - 1, worth: sum)
                }
                guard start + width < worths.count else { break }
                sum += worths[start + width] - worths[start]
                start += 1
            }
        }
        return best.worth > 0 ? trimmed(best, samples[best.sample], worth) : nil
    }

    /// Without the ends that are worth nothing.
    private static func trimmed(_ segment: Segment, _ sample: [UInt8], _ worth: [UInt64: Int]) -> Segment {
        let runs = segment.runs.filter { worth[run(sample, at: $0), default: 0] > 0 }
        guard let first = runs.first, let last = runs.last else { return segment }
        return Segment(
            sample: segment.sample, start: first, count: last + runBytes - first, worth: segment.worth)
    }

    private static func run(_ sample: [UInt8], at start: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<runBytes { value = value << 8 | UInt64(sample[start + index]) }
        return value
    }
}
