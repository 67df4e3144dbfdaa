// SPDX-License-Identifier: Apache-2.0
// Part of the main control: whether a policy applies, known after a lookup of the destination in `pods`.

// A pod to itself by its own address is never judged. (Tested only for isolated pods: others pay for one comparison.)
#define FIND_SETS(destination) \
    pods.apply(); \
    if (hdr.judge.isolated != 0) { \
        hdr.judge.began = BEGAN_SENDER; \
        if (hdr.ipv4.src_ip == destination) { \
            hdr.judge.isolated = 0; \
        } \
    }

// The destination of a packet that is rewritten, which `before` still has as it was.
#define TO_REAL_DESTINATION \
    hdr.ipv4.dst_ip = meta.remote_ip; \
    pods.apply();
