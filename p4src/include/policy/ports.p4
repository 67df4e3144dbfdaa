// SPDX-License-Identifier: Apache-2.0
// Part of the main control: classes of ports. Ports of a protocol that are alike in every rule of this node share a class. ICMP has
// type << 8 | code in place of a port; protocols without ports have 0.

    action numbered_port(@name("class") bit<16> number) {
        hdr.judge.port_number = number;
    }

    // Class 0: the ports that no rule names.
    action other_port() {
        hdr.judge.port_number = 0;
    }

    table ports {
        key = {
            hdr.judge.transport: exact @name("protocol");
            hdr.judge.l4_port: exact @name("port");
        }
        actions = {
            numbered_port;
            @defaultonly other_port;
        }
        const default_action = other_port;
        size = 4096;
    }

    // Looked up on a miss of `ports`.
    table port_ranges {
        key = {
            hdr.judge.transport: exact @name("protocol");
            hdr.judge.l4_port: lpm @name("port");
        }
        actions = {
            numbered_port;
            @defaultonly other_port;
        }
        const default_action = other_port;
        size = 4096;
    }
