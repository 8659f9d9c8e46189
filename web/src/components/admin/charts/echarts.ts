/* The one place that loads ECharts: a chunk of its own, fetched when the first chart is shown. */
import { BarChart, CustomChart, LineChart } from 'echarts/charts'
import { GridComponent, TooltipComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([BarChart, CustomChart, LineChart, GridComponent, TooltipComponent, CanvasRenderer])

export { init }
