// What protecting and opening one RTP packet of 172 bytes costs, beside the primitives of OpenSSL alone:
//   swift run -c release --package-path Benchmarks SRTPBenchmark
import Measuring
import SRTP

/// Measures one profile: protecting, protecting and opening, and the primitives.
func measure(
    _ profile: ProtectionProfile, _ memory: UnsafeMutableRawBufferPointer, length: Int, with measurement: Measurement
) throws(SRTPError) {
    let master = try MasterKey.random(for: profile)
    var sender = try SRTPSender(profile, master)
    var receiver = try SRTPReceiver(profile, master)
    var sequence: UInt16 = 0
    measurement.measure("\(profile.cryptoSuite), protect") {
        sequence &+= 1
        memory.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
        // A packet that is not protected would be measured as a very fast one.
        guard (try? sender.protect(memory, length: length)) != nil else { fatalError("the packet is not protected") }
    }
    // The receiver begins where the sender is.
    try receiver.join(7, rolloverCounter: UInt32(measurement.turns / 65_536))
    measurement.measure("\(profile.cryptoSuite), protect and open") {
        sequence &+= 1
        memory.storeBytes(of: sequence.bigEndian, toByteOffset: 2, as: UInt16.self)
        guard let secured = try? sender.protect(memory, length: length),
            (try? receiver.unprotect(UnsafeMutableRawBufferPointer(rebasing: memory[..<secured]))) == length
        else { fatalError("the packet is not opened") }  // Likewise: a refusal is not what is measured.
    }
    let primitive = Primitive(profile)
    measurement.measure("\(profile.cryptoSuite), the primitives alone") { primitive.run(memory, length: length) }
}

func run() {
    // An RTP packet of 20 ms of G.711 of the source 7, and room for what is added.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 16)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0x55)
    memory[0] = 0x80
    memory.storeBytes(of: UInt32(7).bigEndian, toByteOffset: 8, as: UInt32.self)
    Measurement.printHeading()
    for profile in ProtectionProfile.allCases {
        do throws(SRTPError) {
            try measure(profile, memory, length: 172, with: Measurement())
        } catch {
            fatalError("\(error)")  // A figure that is missing must not look like one that was left out.
        }
    }
}

run()
