#ifndef CWIRETAP_H
#define CWIRETAP_H

#include <stdint.h>

/// A UDP datagram over IPv4 as it passed the loopback interface.
struct wiretap_datagram {
    /// When the kernel saw it, in nanoseconds of the wallclock.
    int64_t time;
    uint32_t source_address, destination_address;
    uint16_t source_port, destination_port;
    /// Bytes of its payload, and the first of them.
    uint32_t length;
    uint8_t head[12];
};

/// Opens a tap on the loopback interface; negative errno when that fails: it needs CAP_NET_RAW.
int wiretap_open(void);

/// Waits at most `milliseconds` for a datagram: 1 when there is one, 0 when none came or it was of another kind.
int wiretap_next(int tap, struct wiretap_datagram *datagram, int milliseconds);

/// Packets that the kernel had no room to keep since the last call.
uint32_t wiretap_drops(int tap);

void wiretap_close(int tap);

#endif
