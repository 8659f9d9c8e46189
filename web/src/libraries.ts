// What every file of the page stands on. It comes before the others, and is evaluated as soon as it has: in a task of
// its own, where all at once would make a phone stand still.
import 'pinia'
import 'vue'
import 'vue-i18n'
import 'vue-router'
