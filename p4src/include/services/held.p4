// SPDX-License-Identifier: Apache-2.0
// Part of the main control: what is being replaced. A target that can't modify a row has it deleted and inserted again; in between,
// what would have met it is dropped. Looked up only where a row is missing, so that other packets don't pay for it.

    action hold() {
        meta.drop_reason = DROP_HELD;
    }

    action not_held() {
    }

    table held {
        key = {
            hdr.held.kind: exact @name("kind");
            hdr.held.value: exact @name("value");
        }
        actions = {
            hold;
            @defaultonly not_held;
        }
        const default_action = not_held;
        size = 1024;
    }
